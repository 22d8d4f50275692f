// labels: unit threads
// The team of threads: every worker runs once per call, ranges are covered, and results are there when Run
// returns.
#include "core/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace longshot {
namespace {

TEST(ThreadTeam, EveryWorkerRunsOnce) {
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadTeam team(threads);
    EXPECT_EQ(team.size(), threads);
    std::vector<int> runs(static_cast<size_t>(threads), 0);
    std::vector<std::thread::id> ids(static_cast<size_t>(threads));
    team.Run([&](int worker) {
      ++runs[static_cast<size_t>(worker)];
      ids[static_cast<size_t>(worker)] = std::this_thread::get_id();
    });
    EXPECT_EQ(runs, std::vector<int>(static_cast<size_t>(threads), 1));
    EXPECT_EQ(ids[0], std::this_thread::get_id()) << "the caller is worker 0";
    for (int a = 0; a < threads; ++a) {
      for (int b = 0; b < a; ++b) EXPECT_NE(ids[a], ids[b]);
    }
  }
}

TEST(ThreadTeam, ManyShortRunsSeeEachOthersWrites) {
  // Plain memory written by one run is read by the next, by another worker: a missing barrier shows here or
  // under TSan.
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadTeam team(threads);
    std::vector<int64_t> cells(static_cast<size_t>(threads), 0), next(cells);
    constexpr int kRuns = 2000;
    for (int run = 0; run < kRuns; ++run) {
      team.Run([&](int worker) { next[worker] = cells[static_cast<size_t>((worker + 1) % threads)] + 1; });
      std::swap(cells, next);
    }
    EXPECT_EQ(cells, std::vector<int64_t>(static_cast<size_t>(threads), kRuns));
  }
}

TEST(ThreadTeam, AWorkerThatSleptWakes) {
  ThreadTeam team(3);
  std::atomic<int> runs{0};
  for (int round = 0; round < 3; ++round) {
    team.Run([&](int) { ++runs; });
    volatile int64_t busy = 0;  // longer than the others spin: they go to sleep
    for (int i = 0; i < 2'000'000; ++i) busy = busy + i;
  }
  EXPECT_EQ(runs, 9);
}

TEST(ThreadTeam, AnExceptionReachesTheCallerOnceAllAreDone) {
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadTeam team(threads);
    for (int thrower = 0; thrower < threads; ++thrower) {
      std::atomic<int> finished{0};
      const auto work = [&](int worker) {
        if (worker == thrower) throw std::runtime_error("worker " + std::to_string(worker));
        ++finished;
      };
      try {
        team.Run(work);
        ADD_FAILURE() << "nothing was thrown";
      } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), "worker " + std::to_string(thrower));
      }
      EXPECT_EQ(finished, threads - 1);
    }
    EXPECT_THROW(team.Run([](int) { throw 1; }), int) << "several at once";
    EXPECT_THROW(team.ForRange(100, 1, [](int64_t, int64_t) { throw 1; }), int);
    std::atomic<int> runs{0};
    team.Run([&](int) { ++runs; });
    EXPECT_EQ(runs, threads) << "the team works on";
  }
}

TEST(ThreadTeam, RangesAreCoveredOnceInMultiplesOfTheGrain) {
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadTeam team(threads);
    for (const int64_t count : {0, 1, 2, 3, 7, 16, 17, 100, 1001}) {
      for (const int64_t grain : {1, 3, 16, 64}) {
        std::vector<int> covered(static_cast<size_t>(count), 0);
        std::atomic<int> calls{0}, misaligned{0};
        team.ForRange(count, grain, [&](int64_t begin, int64_t end) {
          ++calls;
          if (begin % grain != 0 || (end % grain != 0 && end != count) || begin >= end) ++misaligned;
          for (int64_t i = begin; i < end; ++i) ++covered[static_cast<size_t>(i)];
        });
        EXPECT_EQ(covered, std::vector<int>(static_cast<size_t>(count), 1))
            << threads << " threads, " << count << " in " << grain;
        EXPECT_EQ(misaligned, 0);
        EXPECT_LE(calls, threads);
      }
    }
  }
}

TEST(ThreadTeam, ARangeOfOneGrainIsTheCallers) {
  ThreadTeam team(4);
  for (const int64_t count : {1, 7, 8}) {
    std::vector<std::thread::id> ids;
    team.ForRange(count, 8, [&](int64_t begin, int64_t end) {
      EXPECT_EQ(begin, 0);
      EXPECT_EQ(end, count);
      ids.push_back(std::this_thread::get_id());
    });
    EXPECT_EQ(ids, std::vector<std::thread::id>{std::this_thread::get_id()});
  }
  EXPECT_THROW(team.ForRange(1, 8, [](int64_t, int64_t) { throw 1; }), int);
}

TEST(ThreadTeam, BalancedIndicesAreHandedOutOnce) {
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadTeam team(threads);
    for (const int64_t count : {0, 1, 2, 3, 7, 48, 1001}) {
      std::vector<std::atomic<int>> taken(static_cast<size_t>(count));
      team.Balance(count, [&](int, auto next) {
        for (int64_t i; (i = next()) >= 0;) ++taken[static_cast<size_t>(i)];
      });
      for (const auto& times : taken) EXPECT_EQ(times, 1) << threads << " threads, " << count;
    }
  }
}

TEST(ThreadTeam, AWorkerThatIsHeldUpLosesTheEndOfItsShare) {
  ThreadTeam team(2);
  constexpr int64_t kCount = 20;
  std::vector<int64_t> held, other;
  std::atomic<bool> done{false};
  team.Balance(kCount, [&](int worker, auto next) {
    if (worker == 0) {
      held.push_back(next());
      while (!done) std::this_thread::yield();
      EXPECT_EQ(next(), -1);
    } else {
      for (int64_t i; (i = next()) >= 0;) other.push_back(i);
      done = true;
    }
  });
  // Its own share in order, then the other's from the end. Where worker 1 had begun and ended before worker 0 took its
  // first, nothing is left for that.
  std::vector<int64_t> expected{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  if (held == std::vector<int64_t>{-1}) expected.push_back(0);
  EXPECT_EQ(other, expected);
}

TEST(ThreadTeam, WhatABalancedWorkerThrowsReachesTheCaller) {
  ThreadTeam team(3);
  EXPECT_THROW(team.Balance(10, [](int, auto next) { throw static_cast<int>(next()); }), int);
  std::atomic<int> runs{0};
  team.Balance(10, [&](int, auto next) {
    while (next() >= 0) ++runs;
  });
  EXPECT_EQ(runs, 10) << "nothing is left over from the call that failed";
}

TEST(ThreadTeam, ManyTeamsComeAndGo) {
  for (int i = 0; i < 100; ++i) {
    ThreadTeam team(1 + i % 4);
    std::atomic<int> runs{0};
    if (i % 3 != 0) team.Run([&](int) { ++runs; });
    EXPECT_EQ(runs, i % 3 != 0 ? team.size() : 0);
  }
}

TEST(ThreadTeamDeath, NoThreadIsAProgrammerError) { EXPECT_DEATH(ThreadTeam(0), "CHECK\\(threads >= 1\\)"); }

}  // namespace
}  // namespace longshot
