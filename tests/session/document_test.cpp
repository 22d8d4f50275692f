#include "session/document.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "core/error.h"
#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

class Documents : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << content;
    return (root_ / name).string();
  }
  static std::string Message(const std::vector<std::string>& paths) {
    try {
      ReadDocuments(paths);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  const TemporaryFolder temporary_;
  const fs::path root_ = temporary_.path();
};

TEST_F(Documents, OneFileIsItsOwnText) { EXPECT_EQ(ReadDocuments(std::vector{Write("a", "x\ny")}), "x\ny"); }

TEST_F(Documents, FolderIsSortedAndLeavesOutHiddenEmptyAndBinary) {
  Write("d/b.txt", "second\n");
  Write("d/a/z.txt", "first");
  Write("d/c.bin", std::string("a\0b", 3));
  Write("d/empty.txt", " \n");
  Write("d/.git/config", "hidden");
  Write("d/.hidden", "hidden");
  const std::string d = (root_ / "d").string();
  EXPECT_EQ(ReadDocuments(std::vector{d}), "File: " + d + "/a/z.txt\nfirst\n\nFile: " + d + "/b.txt\nsecond\n\n");
}

/// Far more than a pipe holds and than is looked at for NULs.
TEST_F(Documents, APipeIsReadWholeAndChecked) {
  const std::string pipe = (root_ / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto read_back = [&](const std::string& content) {
    std::thread writer([&] { std::ofstream(pipe, std::ios::binary) << content; });
    std::string got;
    const std::string message = ErrorText([&] { got = ReadDocuments(std::vector{pipe}); });
    writer.join();
    return message == "no error" ? got : message;
  };
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "line " + std::to_string(i) + "\n";
  EXPECT_TRUE(read_back(text) == text) << "the text differs";
  EXPECT_EQ(read_back(text + '\0'), "--doc " + pipe + ": expected text, got a binary file; convert it to text first");
}

TEST_F(Documents, ErrorsSayWhatIsWrong) {
  const std::string empty = Write("empty", "\n\n"), binary = Write("binary", std::string("\x7f"
                                                                                         "ELF\0",
                                                                                         5));
  EXPECT_EQ(Message({empty}), "--doc " + empty + ": expected text, but it is empty");
  EXPECT_EQ(Message({binary}), "--doc " + binary + ": expected text, got a binary file; convert it to text first");
  const std::string missing = (root_ / "missing").string();
  EXPECT_EQ(Message({missing}), "cannot open " + missing + ": No such file or directory");
  fs::create_directories(root_ / "none");
  const std::string none = (root_ / "none").string();
  EXPECT_EQ(Message({none}), "--doc " + none + ": expected text files in the folder, found none");
}

TEST(IsBinary, TellsTextFromBytes) {
  EXPECT_FALSE(IsBinary("plain"));
  EXPECT_FALSE(IsBinary("gr\xc3\xbc\xc3\x9f"));
  EXPECT_FALSE(IsBinary("mostly plain text with one stray \xff byte"));
  EXPECT_TRUE(IsBinary(std::string("a\0", 2)));
  EXPECT_TRUE(IsBinary("\xff\xfe\xfd\xfc"));
}

}  // namespace
}  // namespace longshot
