#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
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

/// Memory of many matrices in few mappings: one of half a megabyte alone would get no large page.
class SharedPages {
 public:
  /// Lives as long as somebody holds it; begins on a page.
  std::shared_ptr<std::byte> Take(int64_t bytes) {
    constexpr int64_t kPage = 4096, kMapping = int64_t{32} << 20;
    if (last_ == nullptr || left_ < bytes) {
      left_ = std::max(bytes, kMapping);
      last_ = std::make_shared<HostPages>(left_, "weights");
      next_ = last_->data();
    }
    std::shared_ptr<std::byte> piece(last_, next_);
    const int64_t taken = std::min((bytes + kPage - 1) / kPage * kPage, left_);
    next_ += taken, left_ -= taken;
    return piece;
  }

 private:
  std::shared_ptr<HostPages> last_;
  std::byte* next_ = nullptr;
  int64_t left_ = 0;
};

}  // namespace longshot
