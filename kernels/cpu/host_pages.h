#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/error.h"

namespace longshot {

/// Page-aligned host memory, zero until written, in large pages where the system has them.
class HostPages {
 public:
  /// `what` names the memory. Errors: kCapacity.
  HostPages(int64_t bytes, const char* what) : bytes_(static_cast<size_t>(std::max<int64_t>(bytes, 1))) {
    void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) Throw(ErrorCode::kCapacity, "{} MiB of {} are not available", bytes_ >> 20, what);
    data_ = static_cast<std::byte*>(memory);
    ::madvise(memory, bytes_, MADV_HUGEPAGE);  // a hint: refused where the kernel has none
  }
  ~HostPages() { ::munmap(data_, bytes_); }
  HostPages(const HostPages&) = delete;
  HostPages& operator=(const HostPages&) = delete;

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }

 private:
  size_t bytes_;
  std::byte* data_ = nullptr;
};

}  // namespace longshot
