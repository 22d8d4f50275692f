#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <type_traits>
#include <vector>

#include "core/error.h"

namespace longshot {

/// The one team of threads of the process. The caller is worker 0; the others spin for a while, then sleep.
/// No result may depend on who computes it.
class ThreadTeam {
 public:
  /// REQUIRES: threads >= 1. Starts threads - 1 workers.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  /// Runs `work(worker)` for worker 0..size-1 and returns when all are done. `work` may not nest. What a
  /// worker throws is thrown here once all are done, the first of several. Allocates nothing.
  template <class Work>
  void Run(Work&& work) {
    if (size_ == 1) {
      work(0);
      return;
    }
    RunErased([](void* w, int worker) { (*static_cast<std::remove_reference_t<Work>*>(w))(worker); },
              const_cast<void*>(static_cast<const void*>(&work)));
  }

  /// Runs `work(begin, end)` on a static partition of [0, count) in multiples of `grain`. A range of at most one grain
  /// is the caller's alone: no worker is waited for.
  template <class Work>
  void ForRange(int64_t count, int64_t grain, Work&& work) {
    const int64_t units = (count + grain - 1) / grain;
    if (units <= 1) {
      if (count > 0) work(int64_t{0}, count);
      return;
    }
    Run([&](int worker) {
      const int64_t begin = units * worker / size_ * grain;
      const int64_t end = std::min(count, units * (worker + 1) / size_ * grain);
      if (begin < end) work(begin, end);
    });
  }

  /// Runs `work(worker, next)` for every worker, where next() hands out the indices of [0, count), each to one worker,
  /// and -1 when none is left: a worker's own share, neighbours in ascending order, then what is left of others'
  /// shares, from their ends. `work` may not nest; what it throws is thrown here. REQUIRES: 0 <= count < 2^32.
  template <class Work>
  void Balance(int64_t count, Work&& work) {
    CHECK(count >= 0 && count < int64_t{1} << 32, "{} indices", count);
    for (int w = 0; w < size_; ++w) shares_[w].Fill(count * w / size_, count * (w + 1) / size_);
    Run([&](int worker) {
      work(worker, [this, worker] {
        int64_t index = shares_[worker].TakeFirst();
        for (int i = 1; index < 0 && i < size_; ++i) index = shares_[(worker + i) % size_].TakeLast();
        return index;
      });
    });
  }

 private:
  /// Indices [begin, end) that nobody has taken yet.
  class alignas(64) Share {
   public:
    void Fill(int64_t begin, int64_t end) { range_.store(Packed(begin, end), std::memory_order_relaxed); }
    /// -1: none is left.
    int64_t TakeFirst() { return Take(1, 0); }
    int64_t TakeLast() { return Take(0, 1); }

   private:
    static uint64_t Packed(int64_t begin, int64_t end) {
      return static_cast<uint64_t>(begin) << 32 | static_cast<uint64_t>(end);
    }
    int64_t Take(int from_begin, int from_end) {
      uint64_t range = range_.load(std::memory_order_relaxed);
      for (;;) {
        const auto begin = static_cast<int64_t>(range >> 32), end = static_cast<int64_t>(range & 0xffffffff);
        if (begin == end) return -1;
        if (range_.compare_exchange_weak(range, Packed(begin + from_begin, end - from_end),
                                         std::memory_order_relaxed)) {
          return from_begin != 0 ? begin : end - 1;
        }
      }
    }
    std::atomic<uint64_t> range_{0};
  };

  using Call = void (*)(void*, int);
  void RunErased(Call call, void* work);
  void RunWorker(int worker) noexcept;
  void WorkerLoop(int worker);

  const int size_;
  Call call_ = nullptr;
  void* work_ = nullptr;
  std::exception_ptr failure_;  ///< written by the worker that set `failed_`
  std::atomic<bool> failed_{false};
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<int> running_{0};
  std::atomic<bool> stop_{false};
  std::vector<Share> shares_;
  std::vector<std::thread> workers_;
};

}  // namespace longshot
