// Limits of control groups, from a copy of the system's files.
#include "session/available_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

class Groups : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(folder_ / name).parent_path());
    folder_.Write(name, content);
  }
  int64_t Left() { return GroupMemory(folder_ / "proc", folder_ / "cgroup"); }

  TemporaryFolder folder_;
};

TEST_F(Groups, NoneOrNoLimit) {
  constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(Left(), kUnlimited);
  Write("proc/cgroup", "0::/a/b\nnonsense\n");
  EXPECT_EQ(Left(), kUnlimited);
  Write("cgroup/a/b/memory.max", "max\n");
  Write("cgroup/a/b/memory.current", "5\n");
  EXPECT_EQ(Left(), kUnlimited);
}

TEST_F(Groups, TheTightestOfTheGroupsAboveCounts) {
  Write("proc/cgroup", "0::/a/b\n");
  Write("cgroup/a/b/memory.max", "1000\n");
  Write("cgroup/a/b/memory.current", "300\n");
  EXPECT_EQ(Left(), 700);
  Write("cgroup/a/memory.max", "500\n");
  Write("cgroup/a/memory.current", "400\n");
  EXPECT_EQ(Left(), 100);
  Write("cgroup/a/memory.stat", "anon 300\ninactive_file 60\n");
  EXPECT_EQ(Left(), 160) << "file pages can be dropped";
  Write("cgroup/a/memory.current", "900\n");
  EXPECT_EQ(Left(), 0);
}

TEST_F(Groups, VersionOne) {
  Write("proc/cgroup", "12:cpu,cpuacct:/x\n4:memory:/x\n");
  Write("cgroup/memory/x/memory.limit_in_bytes", "1000\n");
  Write("cgroup/memory/x/memory.usage_in_bytes", "600\n");
  Write("cgroup/memory/x/memory.stat", "inactive_file 1\ntotal_inactive_file 50\n");
  EXPECT_EQ(Left(), 450);
}

}  // namespace
}  // namespace longshot
