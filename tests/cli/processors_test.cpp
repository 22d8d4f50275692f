// How many threads a run gets: machine, affinity mask, CPU quota, from a copy of the system's files.
#include "session/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <limits>

#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/gguf_writer.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

constexpr int kUnlimited = std::numeric_limits<int>::max();

class Quotas : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(folder_ / name).parent_path());
    folder_.Write(name, content);
  }
  int Granted() { return GroupProcessors(folder_ / "proc", folder_ / "cgroup"); }

  TemporaryFolder folder_;
};

TEST_F(Quotas, NoneOrNoLimit) {
  EXPECT_EQ(Granted(), kUnlimited);
  Write("proc/cgroup", "0::/a/b\nnonsense\n");
  EXPECT_EQ(Granted(), kUnlimited);
  Write("cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(Granted(), kUnlimited);
}

TEST_F(Quotas, TheTightestOfTheGroupsAboveRoundedUp) {
  Write("proc/cgroup", "0::/a/b\n");
  Write("cgroup/a/b/cpu.max", "400000 100000\n");
  EXPECT_EQ(Granted(), 4);
  Write("cgroup/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(Granted(), 2);
  Write("cgroup/a/cpu.max", "5000 100000\n");
  EXPECT_EQ(Granted(), 1);
}

TEST_F(Quotas, VersionOne) {
  Write("proc/cgroup", "12:memory:/x\n4:cpu,cpuacct:/x\n");
  Write("cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
  Write("cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Granted(), kUnlimited);
  Write("cgroup/cpu/x/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(Granted(), 3);
}

TEST(Processors, TheLeastCountsAndSaysWhy) {
  EXPECT_EQ(LeastProcessors(8, 8, kUnlimited).reason, "the machine has 8 processors");
  EXPECT_EQ(LeastProcessors(8, 1, 4).reason, "the affinity mask of this process allows 1 processor");
  EXPECT_EQ(LeastProcessors(8, 8, 2).reason, "the CPU quota of its control group grants the time of 2 processors");
  EXPECT_EQ(LeastProcessors(8, 8, 2).count, 2);
  EXPECT_EQ(LeastProcessors(4, 0, 2).count, 1);
}

TEST(Processors, TheAffinityMaskIsObeyed) {
  cpu_set_t before, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  const int count = UsableProcessors().count;
  ::sched_setaffinity(0, sizeof before, &before);
  EXPECT_EQ(count, 1);
}

TEST(Processors, MoreThreadsAreLoweredInOneLine) {
  const TemporaryFolder folder;
  GgufWriter writer = TinyGguf("llama");
  AddBpe(writer);
  folder.Write("tiny.gguf", writer.Build());
  folder.Write("text", std::string(60, 'c'));
  const std::string model = folder / "tiny.gguf", text = folder / "text";
  const Outcome outcome = RunLongshot({"perplexity", "-m", model, "-f", text, "-c", "16", "-t", "1024"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const Processors processors = UsableProcessors();
  EXPECT_TRUE(outcome.err.starts_with("-t 1024 is lowered to " + std::to_string(processors.count) + ": " +
                                      processors.reason + ", and threads that share one spin against each other\n"))
      << outcome.err;
  const Outcome plain = RunLongshot({"perplexity", "-m", model, "-f", text, "-c", "16"});
  EXPECT_EQ(plain.err.find("lowered"), std::string::npos) << plain.err;
  EXPECT_EQ(plain.out, outcome.out);
}

}  // namespace
}  // namespace longshot
