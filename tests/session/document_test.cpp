#include "session/document.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "core/error.h"
#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

TEST(DocumentText, OneFileIsItsOwnText) {
  const TemporaryFolder folder;
  folder.Write("a", "x\ny");
  EXPECT_EQ(ReadDocumentText(std::vector{folder / "a"}), "x\ny");
}

TEST(DocumentText, SeveralFilesHaveTheirNamesAsHeadings) {
  EXPECT_EQ(JoinDocuments({{"a.txt", "first"}, {"-", "second\n"}}),
            "File: a.txt\nfirst\n\nFile: standard input\nsecond\n\n");
}

TEST(DocumentText, WhatIsReadOfAFolderIsTold) {
  const TemporaryFolder folder;
  folder.Write("b.txt", "second\n");
  folder.Write("c.bin", std::string("a\0b", 3));
  folder.Write(".hidden", "hidden");
  fs::create_directories(folder / "a");
  folder.Write("a/z.txt", "first");
  const std::string d = folder.path();
  testing::internal::CaptureStderr();
  const std::string text = ReadDocumentText(std::vector{d});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "--doc " + d + ": 2 text files read, 1 others skipped (binary, empty or met before)\n");
  EXPECT_EQ(text, "File: " + d + "/a/z.txt\nfirst\n\nFile: " + d + "/b.txt\nsecond\n\n");
}

TEST(DocumentText, ErrorsPassThrough) {
  const TemporaryFolder folder;
  EXPECT_EQ(ErrorText([&] { ReadDocumentText(std::vector{folder / "missing"}); }),
            "cannot open " + (folder / "missing") + ": No such file or directory");
}

}  // namespace
}  // namespace longshot
