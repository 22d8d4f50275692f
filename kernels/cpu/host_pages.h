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

 private:
  size_t bytes_;
  std::byte* data_ = nullptr;
};

/// Memory of many matrices in few mappings: one of half a megabyte alone would get no large page. What is left of a
/// mapping is never touched, so it takes no memory.
class SharedPages {
 public:
  /// Lives as long as somebody holds it; begins on a page. Errors: kCapacity.
  std::shared_ptr<std::byte> Take(int64_t bytes) {
    if (bytes >= kOwnMapping) {
      const auto own = std::make_shared<HostPages>(bytes, "weights");
      return {own, own->data()};
    }
    if (mapping_ == nullptr || kMapping - taken_ < bytes) {
      mapping_ = std::make_shared<HostPages>(kMapping, "weights");
      taken_ = 0;
    }
    std::shared_ptr<std::byte> piece(mapping_, mapping_->data() + taken_);
    taken_ += (bytes + kPage - 1) / kPage * kPage;
    return piece;
  }

 private:
  static constexpr int64_t kPage = 4096, kOwnMapping = int64_t{8} << 20, kMapping = int64_t{32} << 20;
  static_assert(kOwnMapping % kPage == 0 && kMapping % kPage == 0);

  std::shared_ptr<HostPages> mapping_;
  int64_t taken_ = 0;  ///< of the mapping, in bytes
};

}  // namespace longshot
