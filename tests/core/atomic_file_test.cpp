// A file that appears whole or not at all, whatever ends its writer.
#include "core/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "core/error.h"
#include "core/mapped_file.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

class AtomicFiles : public testing::Test {
 protected:
  size_t Count() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "cache";
};

TEST_F(AtomicFiles, PiecesBecomeOneFileWhenCommitted) {
  folder_.Write("cache", "old");
  {
    AtomicFile file(path_, 1 << 20);
    file.Write(Bytes("one "));
    file.Write({});
    file.Write(Bytes("two"));
    EXPECT_EQ(ReadFile(path_), "old");
    file.Commit();
    EXPECT_EQ(ReadFile(path_), "one two") << "what was reserved beyond is cut";
  }
  EXPECT_EQ(ReadFile(path_), "one two");
  EXPECT_EQ(Count(), 1u);
}

TEST_F(AtomicFiles, WhatIsNotCommittedLeavesTheOldFileAndNothingElse) {
  folder_.Write("cache", "old");
  { AtomicFile(path_, 1 << 20).Write(Bytes("new")); }
  EXPECT_EQ(ReadFile(path_), "old");
  EXPECT_EQ(Count(), 1u);
}

TEST_F(AtomicFiles, AKilledWriterLeavesTheOldFileAndIsInNobodysWay) {
  folder_.Write("cache", "old");
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(path_);
    file.Write(Bytes(std::string(100'000, 'x')));
    ::raise(SIGKILL);  // written, not renamed
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(ReadFile(path_), "old");
  const int nameless = ::open(folder_.path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (nameless >= 0) {
    EXPECT_EQ(Count(), 1u) << "the killed writer left something";
    ::close(nameless);
  }

  AtomicFile file(path_);
  file.Write(Bytes("new"));
  file.Commit();
  EXPECT_EQ(ReadFile(path_), "new");
}

TEST_F(AtomicFiles, OfTwoWritersAtOnceTheLastCounts) {
  AtomicFile first(path_), second(path_);
  first.Write(Bytes(std::string(1 << 20, 'f')));
  second.Write(Bytes("second"));
  first.Commit();
  EXPECT_EQ(ReadFile(path_), std::string(1 << 20, 'f'));
  second.Commit();
  EXPECT_EQ(ReadFile(path_), "second");
  EXPECT_EQ(Count(), 1u);
}

}  // namespace
}  // namespace longshot
