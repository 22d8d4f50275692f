#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/thread_team.h"

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
  explicit SharedPages(ThreadTeam* team) : team_(team) {}

  /// Lives as long as somebody holds it; begins on a page.
  std::shared_ptr<std::byte> Take(int64_t bytes) {
    if (mapping_ == nullptr || size_ - taken_ < bytes) {
      size_ = std::max(bytes, kMapping);
      mapping_ = std::make_shared<HostPages>(size_, "weights");
      taken_ = touched_ = 0;
    }
    std::shared_ptr<std::byte> piece(mapping_, mapping_->data() + taken_);
    taken_ = std::min(taken_ + (bytes + kPage - 1) / kPage * kPage, size_);
    while (touched_ < taken_) Touch();
    return piece;
  }

 private:
  static constexpr int64_t kPage = 4096, kLargePage = int64_t{2} << 20, kMapping = int64_t{32} << 20;

  /// One large page for each worker: two that want the same one would wait for each other.
  void Touch() {
    team_->Run([&](int w) {
      const int64_t at = touched_ + w * kLargePage;
      if (at < size_) *(mapping_->data() + at) = std::byte{0};
    });
    touched_ += team_->size() * kLargePage;
  }

  ThreadTeam* team_;
  std::shared_ptr<HostPages> mapping_;
  int64_t size_ = 0, taken_ = 0, touched_ = 0;  ///< of the mapping, in bytes
};

}  // namespace longshot
