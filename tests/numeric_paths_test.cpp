// The harness of the numeric paths: every path runs as itself, and no kind of failure stays in the child.
#include "tests/numeric_paths.h"

#include <csignal>
#include <future>
#include <thread>

#include "core/error.h"

namespace longshot {
namespace {

TEST(NumericPaths, EachRunsUnderItsOwnName) {
  for (const NumericPath& path : NumericPaths()) {
    RunInChildProcess(path.name, [&] { EXPECT_EQ(MakeCpuBackend(path.options)->Describe().numeric_path, path.name); });
  }
}

TEST(NumericPaths, EveryPathRuns) {
  // Children share no memory with us: each fails on purpose, and each failure is told.
  testing::TestPartResultArray results;
  {
    const testing::ScopedFakeTestPartResultReporter collect(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    ForEachNumericPath([](const CpuOptions&) { ADD_FAILURE() << "on purpose"; });
  }
  const std::vector<NumericPath> paths = NumericPaths();
  ASSERT_EQ(static_cast<size_t>(results.size()), paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string message = results.GetTestPartResult(static_cast<int>(i)).message();
    EXPECT_NE(message.find("numeric path " + paths[i].name), std::string::npos) << message;
    EXPECT_NE(message.find("on purpose"), std::string::npos) << message;
  }
}

TEST(NumericPaths, AFailingBodyIsReported) {
  EXPECT_NONFATAL_FAILURE(RunInChildProcess("a", [] { EXPECT_EQ(1, 2) << "not equal"; }), "numeric path a: failed");
  EXPECT_NONFATAL_FAILURE(RunInChildProcess("b", [] { FAIL() << "fatally"; }), "fatally");
}

TEST(NumericPaths, AnExceptionIsReported) {
  EXPECT_NONFATAL_FAILURE(RunInChildProcess("c", [] { Throw(ErrorCode::kIo, "thrown on purpose"); }),
                          "exception: thrown on purpose");
}

TEST(NumericPaths, ACrashIsReported) {
  EXPECT_NONFATAL_FAILURE(RunInChildProcess("d", [] { std::raise(SIGKILL); }), "numeric path d: killed by signal 9");
}

TEST(NumericPaths, ManyFailuresAreCounted) {
  const auto body = [] {
    for (int i = 0; i < 25; ++i) ADD_FAILURE() << std::string(10'000, 'x');
  };
  EXPECT_NONFATAL_FAILURE(RunInChildProcess("e", body), "... and 15 more failures");
}

TEST(NumericPaths, ThreadsBeforeTheForkAreReported) {
  std::promise<void> done;
  std::thread other([&] { done.get_future().wait(); });
  EXPECT_NONFATAL_FAILURE(RunInChildProcess("f", [] {}), "threads were started before the fork");
  done.set_value();
  other.join();
}

}  // namespace
}  // namespace longshot
