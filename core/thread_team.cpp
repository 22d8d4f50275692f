#include "core/thread_team.h"

#include <utility>

#include "core/error.h"

namespace longshot {
namespace {

/// Spins of about 50 microseconds: longer than the gap between two operations of a decode step, short enough
/// that an idle team leaves its cores to others.
constexpr int kSpins = 4000;

void Pause() { __builtin_ia32_pause(); }

}  // namespace

ThreadTeam::ThreadTeam(int threads) : size_(threads), shares_(static_cast<size_t>(std::max(threads, 0))) {
  CHECK(threads >= 1);
  for (int worker = 1; worker < size_; ++worker) workers_.emplace_back([this, worker] { WorkerLoop(worker); });
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadTeam::RunErased(Call call, void* work) {
  call_ = call;
  work_ = work;
  running_.store(size_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  RunWorker(0);
  for (int spin = 0; running_.load(std::memory_order_acquire) != 0; ++spin) {
    if (spin < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();
    }
  }
  if (failed_.load(std::memory_order_relaxed)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

void ThreadTeam::RunWorker(int worker) noexcept {
  try {
    call_(work_, worker);
  } catch (...) {
    if (!failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
  }
}

void ThreadTeam::WorkerLoop(int worker) {
  uint32_t seen = 0;
  for (;;) {
    for (int spin = 0; generation_.load(std::memory_order_acquire) == seen; ++spin) {
      if (spin < kSpins) {
        Pause();
      } else {
        generation_.wait(seen, std::memory_order_acquire);
      }
    }
    ++seen;
    if (stop_.load(std::memory_order_relaxed)) return;
    RunWorker(worker);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace longshot
