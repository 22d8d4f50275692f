#pragma once

#include <future>
#include <vector>

namespace longshot {

/// Runs `work()` on `threads` threads, the caller among them, and returns when all are done; throws what one of them
/// threw. `work` shares itself out, by a counter. For what is read or copied between the team's operations: threads are
/// started for the call, and where none can be had the caller does it all. REQUIRES: threads >= 1.
template <class Work>
void RunOnThreads(int threads, const Work& work) {
  std::vector<std::future<void>> others;
  // The default policy: a call that gets no thread is made by `get`.
  for (int i = 1; i < threads; ++i) others.push_back(std::async([&work] { work(); }));
  work();
  for (std::future<void>& other : others) other.get();
}

}  // namespace longshot
