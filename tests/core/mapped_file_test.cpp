// Files: what is written is read back, and a failure leaves what was there and nothing else.
#include "core/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/error.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

/// A folder of its own for each test, removed at the end.
class Files : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  size_t Count() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {})); }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    return error.what();
  }
  return "no error";
}

std::string Text(const MappedFile& file) {
  return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
}

TEST_F(Files, WhatIsWrittenIsRead) {
  std::string content = "first\nsecond";
  content += '\0';
  content += std::string(200'000, 'x');
  WriteFileAtomically(Path("a"), content);
  EXPECT_EQ(ReadFile(Path("a")), content);
  EXPECT_EQ(Text(MappedFile(Path("a"))), content);
  WriteFileAtomically(Path("a"), "shorter");
  EXPECT_EQ(ReadFile(Path("a")), "shorter");
  EXPECT_EQ(Count(), 1u) << "temporary files stay";
}

TEST_F(Files, AnEmptyFileIsEmpty) {
  WriteFileAtomically(Path("empty"), "");
  EXPECT_EQ(ReadFile(Path("empty")), "");
  const MappedFile file(Path("empty"));
  EXPECT_TRUE(file.bytes().empty());
  file.ReleasePages();
}

TEST_F(Files, AMapMovesAndOutlivesItsName) {
  WriteFileAtomically(Path("a"), "alpha");
  WriteFileAtomically(Path("b"), "beta");
  MappedFile a(Path("a")), b(Path("b"));
  fs::remove(Path("a"));
  MappedFile moved(std::move(a));
  EXPECT_EQ(Text(moved), "alpha");
  moved = std::move(b);
  EXPECT_EQ(Text(moved), "beta");
  moved.ReleasePages();
  EXPECT_EQ(Text(moved), "beta") << "pages come back from the file";
}

TEST_F(Files, MissingAndOddFilesAreErrors) {
  EXPECT_EQ(MessageOf([&] { MappedFile file(Path("none")); }),
            "cannot open " + Path("none") + ": No such file or directory");
  EXPECT_EQ(MessageOf([&] { ReadFile(Path("none")); }), "cannot open " + Path("none") + ": No such file or directory");
  EXPECT_EQ(MessageOf([&] { MappedFile file(folder_.string()); }),
            "cannot open " + folder_.string() + ": not a regular file");
  EXPECT_EQ(MessageOf([&] { ReadFile(folder_.string()); }), "cannot read " + folder_.string() + ": Is a directory");
}

TEST_F(Files, AnUnwritablePathIsAnErrorAndLeavesNothing) {
  EXPECT_EQ(MessageOf([&] { WriteFileAtomically(Path("no/such/folder"), "x"); }),
            "cannot write " + Path("no/such/folder") + ": No such file or directory");
  fs::create_directory(Path("taken"));
  EXPECT_EQ(MessageOf([&] { WriteFileAtomically(Path("taken"), "x"); }),
            "cannot write " + Path("taken") + ": Is a directory");
  EXPECT_EQ(Count(), 1u) << "the temporary file stays";
}

TEST_F(Files, AFullDiskLeavesTheOldFile) {
  WriteFileAtomically(Path("report"), "old");
  // A limit on the file size fails the write half-way, as a full disk does.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = MessageOf([&] { WriteFileAtomically(Path("report"), std::string(100'000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "cannot write " + Path("report") + ": File too large");
  EXPECT_EQ(ReadFile(Path("report")), "old");
  EXPECT_EQ(Count(), 1u) << "the temporary file stays";
}

TEST_F(Files, ALinkStaysAndItsTargetIsWritten) {
  fs::create_directory(Path("store"));
  WriteFileAtomically(Path("store/real"), "old");
  fs::create_symlink("store/real", Path("link"));
  fs::create_symlink("link", Path("second"));
  WriteFileAtomically(Path("second"), "new");
  EXPECT_EQ(ReadFile(Path("store/real")), "new");
  EXPECT_TRUE(fs::is_symlink(Path("link")) && fs::is_symlink(Path("second")));
  fs::create_symlink("store/later", Path("dangling"));
  WriteFileAtomically(Path("dangling"), "made");
  EXPECT_EQ(ReadFile(Path("store/later")), "made");
  EXPECT_TRUE(fs::is_symlink(Path("dangling")));
}

TEST_F(Files, LinksInACircleAreAnError) {
  fs::create_symlink("b", Path("a"));
  fs::create_symlink("a", Path("b"));
  EXPECT_EQ(MessageOf([&] { WriteFileAtomically(Path("a"), "x"); }),
            "cannot write " + Path("a") + ": Too many levels of symbolic links");
  EXPECT_TRUE(fs::is_symlink(Path("a")) && fs::is_symlink(Path("b")));
}

TEST_F(Files, ABystanderWithATemporarysNameIsLeftAlone) {
  const std::vector<std::string> bystanders{Path("report.part"),
                                            fmt::format("{}.{}-0.part", Path("report"), ::getpid())};
  for (const std::string& path : bystanders) std::ofstream(path) << "mine";
  WriteFileAtomically(Path("report"), "new");
  EXPECT_EQ(ReadFile(Path("report")), "new");
  for (const std::string& path : bystanders) EXPECT_EQ(ReadFile(path), "mine") << path;
  EXPECT_EQ(Count(), 3u) << "the temporary file stays";
}

TEST_F(Files, WhatIsNoRegularFileIsNeverReplacedNorWaitedFor) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(MessageOf([&] { WriteFileAtomically(Path("pipe"), "x"); }),
            "cannot write " + Path("pipe") + ": not a regular file");
  EXPECT_EQ(MessageOf([&] { WriteFileAtomically("/dev/null", "x"); }), "cannot write /dev/null: not a regular file");
  EXPECT_TRUE(fs::is_fifo(Path("pipe")));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_EQ(MessageOf([&] { MappedFile file(Path("pipe")); }), "cannot open " + Path("pipe") + ": not a regular file");
}

}  // namespace
}  // namespace longshot
