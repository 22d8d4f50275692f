// labels: unit
#include "core/text_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "core/error.h"
#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

TEST(IsBinary, TellsTextFromBytes) {
  EXPECT_FALSE(IsBinary("plain"));
  EXPECT_FALSE(IsBinary("gr\xc3\xbc\xc3\x9f"));
  EXPECT_FALSE(IsBinary("mostly plain text with one stray \xff byte"));
  EXPECT_TRUE(IsBinary(std::string("a\0", 2)));
  EXPECT_TRUE(IsBinary("\xff\xfe\xfd\xfc"));
}

TEST(IsBlank, IsNothingButWhiteSpace) {
  EXPECT_TRUE(IsBlank(""));
  EXPECT_TRUE(IsBlank(" \t\r\n\f\v"));
  EXPECT_FALSE(IsBlank(" x"));
}

class TextFiles : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    folder_.Write(name, content);
    return folder_ / name;
  }

  const TemporaryFolder folder_;
};

TEST_F(TextFiles, ReadsWhatIsThere) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(ReadText("-f", Write("long", text)) == text, true) << "the text differs";
  EXPECT_EQ(ReadText("-f", Write("short", "x")), "x");
  EXPECT_EQ(ReadText("-f", Write("damaged", "gr\xfc\xdf, but most of it is valid")),
            "gr\xfc\xdf, but most of it is valid");
}

TEST_F(TextFiles, ABinaryFileIsKnownByItsHead) {
  const std::string path = Write("large", std::string("\x7f"
                                                      "ELF\0",
                                                      5) +
                                              std::string(1 << 20, 'x'));
  const TextFile file(path);
  EXPECT_TRUE(file.StartsBinary());
  EXPECT_EQ(file.head().size(), 65536u);
}

TEST_F(TextFiles, NoMoreThanTheLimitIsRead) {
  const std::string path = Write("long", std::string(200'000, 'x'));
  EXPECT_EQ(TextFile(path).Read("--doc", 200'000).size(), 200'000u);
  EXPECT_EQ(ErrorText([&] { TextFile(path).Read("--doc", 199'999); }),
            "--doc " + path + ": larger than 199999 bytes, the most that is read of a file; split it");
  EXPECT_EQ(ErrorText([] { TextFile("/dev/zero").Read("--doc", 100'000); }),
            "--doc /dev/zero: larger than 100000 bytes, the most that is read of a file; split it");
}

TEST_F(TextFiles, WhatMayNeverEndIsRefusedWhereOnlyFilesAreWanted) {
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(ErrorText([&] { TextFile(pipe, /*regular_only=*/true); }), "cannot open " + pipe + ": not a regular file");
  EXPECT_EQ(ErrorText([&] { TextFile("/dev/null", /*regular_only=*/true); }),
            "cannot open /dev/null: not a regular file");
}

/// Far more than a pipe holds and than is looked at for NULs.
TEST_F(TextFiles, APipeIsReadWholeAndChecked) {
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto read_back = [&](const std::string& content) {
    std::thread writer([&] { std::ofstream(pipe, std::ios::binary) << content; });
    std::string got;
    const std::string message = ErrorText([&] { got = ReadText("-f", pipe); });
    writer.join();
    return message == "no error" ? got : message;
  };
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "line " + std::to_string(i) + "\n";
  EXPECT_TRUE(read_back(text) == text) << "the text differs";
  EXPECT_EQ(read_back(text + '\0'), "-f " + pipe + ": expected text, got a binary file; convert it to text first");
}

TEST_F(TextFiles, ErrorsSayWhatIsWrong) {
  const auto message = [](const std::string& path) { return ErrorText([&] { ReadText("-f", path); }); };
  const std::string empty = Write("empty", ""), blank = Write("blank", "\n\n"),
                    invalid = Write("invalid", "\xff\xff x");
  EXPECT_EQ(message(empty), "-f " + empty + ": expected text, but it is empty");
  EXPECT_EQ(message(blank), "-f " + blank + ": expected text, but it is empty");
  EXPECT_EQ(message(invalid), "-f " + invalid + ": expected text, got a binary file; convert it to text first");
  EXPECT_EQ(message(folder_ / "missing"), "cannot open " + (folder_ / "missing") + ": No such file or directory");
  EXPECT_EQ(message(folder_.path()), "cannot read " + folder_.path() + ": Is a directory");
}

}  // namespace
}  // namespace longshot
