// labels: unit
#include "retrieval/document.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "tests/retrieval/fake_pdftotext.h"
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
  std::string Path(const std::string& name) const { return (root_ / name).string(); }

  /// "NAME=TEXT;" of every document, names below the root, and "+READ-SKIPPED" of every folder before.
  std::string Read(const std::vector<std::string>& paths) const {
    std::string folders, files;
    DocumentOptions options;
    options.on_folder = [&](const FolderCount& folder) {
      folders += fmt::format("+{}-{} ", folder.read, folder.skipped);
    };
    for (const Document& document : ReadDocuments(paths, options)) {
      files += fs::path(document.path).lexically_relative(root_).string() + "=" + document.text + ";";
    }
    return folders + files;
  }
  static std::string Message(const std::vector<std::string>& paths, const DocumentOptions& options = {}) {
    return ErrorText([&] { ReadDocuments(paths, options); });
  }

  const TemporaryFolder temporary_;
  const fs::path root_ = temporary_.path();
};

TEST_F(Documents, TextIsReadAsItIs) {
  const std::string markdown = "# Title\r\n\r\n* a < b & c\r\n";
  EXPECT_EQ(Read({Write("a.md", markdown), Write("b.cpp", "int x = 1;\n")}),
            "a.md=" + markdown + ";b.cpp=int x = 1;\n;");
}

TEST_F(Documents, HtmlIsReadWithoutItsTags) {
  const std::string page = "<p>one &amp; two</p>";
  EXPECT_EQ(Read({Write("a.html", page), Write("b.HTM", page), Write("c.txt", page)}),
            "a.html=one & two;b.HTM=one & two;c.txt=<p>one &amp; two</p>;");
}

TEST_F(Documents, PdfIsConverted) {
  const FakePdftotext fake("printf 'text of '; cat $4");
  EXPECT_EQ(Read({Write("a.pdf", "%PDF-1"), Write("b", "%PDF-2"), Write("c.PDF", "\n\n%PDF-3"), Write("d", " %PDF-4"),
                  Write("e.pdf", "not one")}),
            "a.pdf=text of %PDF-1;b=text of %PDF-2;c.PDF=text of \n\n%PDF-3;d= %PDF-4;e.pdf=not one;");
}

TEST_F(Documents, FolderIsSortedAndLeavesOutHiddenEmptyAndBinary) {
  Write("d/b.txt", "second");
  Write("d/a/z.txt", "first");
  Write("d/c.bin", std::string("a\0b", 3));
  Write("d/empty.txt", " \n");
  Write("d/empty.html", "<p> </p>");
  Write("d/.git/config", "hidden");
  Write("d/.hidden", "hidden");
  fs::create_directories(root_ / "d/none");
  EXPECT_EQ(Read({Path("d")}), "+2-3 d/a/z.txt=first;d/b.txt=second;");
}

TEST_F(Documents, FoldersOfLinksAndDevicesEnd) {
  Write("outside/x.txt", "outside");
  Write("d/a.txt", "text");
  Write("d/sub/b.txt", "more");
  fs::create_directory_symlink("..", root_ / "d/sub/loop");
  fs::create_directory_symlink(root_ / "outside", root_ / "d/out");
  fs::create_symlink("itself", root_ / "d/itself");
  fs::create_symlink("missing", root_ / "d/dangling");
  fs::create_symlink("a.txt", root_ / "d/same.txt");
  fs::create_hard_link(root_ / "d/a.txt", root_ / "d/twin.txt");
  fs::create_symlink("/dev/zero", root_ / "d/zero");
  fs::create_symlink(root_ / "outside/x.txt", root_ / "d/x.txt");
  ASSERT_EQ(::mkfifo(Path("d/pipe").c_str(), 0600), 0);
  EXPECT_EQ(Read({Path("d")}), "+3-8 d/a.txt=text;d/sub/b.txt=more;d/x.txt=outside;");
}

TEST_F(Documents, InvalidUtf8IsKept) {
  const std::string damaged = "gr\xfc\xdf, but most of it is valid";
  EXPECT_EQ(Read({Write("a.txt", damaged), Write("b.html", "<b>" + damaged)}),
            "a.txt=" + damaged + ";b.html=" + damaged + ";");
}

TEST_F(Documents, PipesAreRead) {
  const std::string pipe = Path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << "through a pipe"; });
  EXPECT_EQ(Read({pipe}), "pipe=through a pipe;");
  writer.join();
}

TEST_F(Documents, LimitsHoldForOneFileAndForAll) {
  const DocumentOptions options{.most_bytes = 1000};
  const std::string large = Write("d/large", std::string(1001, 'x')), half = Write("half", std::string(600, 'x'));
  const std::string message = "--doc " + large + ": larger than 1000 bytes, the most that is read of a file; split it";
  EXPECT_EQ(Message({large}, options), message);
  EXPECT_EQ(Message({Path("d")}, options), message);
  EXPECT_EQ(Message({half, half}, options),
            "--doc " + half + ": with it the documents have more than 1000 bytes of text; name fewer");
}

TEST_F(Documents, LargeBinariesOfFoldersAreSkipped) {
  Write("d/a.txt", "text");
  Write("d/large", std::string(1 << 20, '\0'));
  const std::vector<Document> documents = ReadDocuments(std::vector{Path("d")}, {.most_bytes = 1000});
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(documents[0].text, "text");
}

TEST_F(Documents, ErrorsSayWhatIsWrong) {
  const std::string empty = Write("empty", "\n\n"), binary = Write("binary", std::string("a\0", 2));
  EXPECT_EQ(Message({empty}), "--doc " + empty + ": expected text, but it is empty");
  EXPECT_EQ(Message({binary}), "--doc " + binary + ": expected text, got a binary file; convert it to text first");
  const std::string tags = Write("tags.html", "<p><br></p>"), scan = Write("scan.pdf", "%PDF-1.4");
  EXPECT_EQ(Message({tags}), "--doc " + tags + ": expected text, but it is empty");
  EXPECT_EQ(Message({Path("missing")}), "cannot open " + Path("missing") + ": No such file or directory");
  fs::create_directories(root_ / "none");
  EXPECT_EQ(Message({Path("none")}), "--doc " + Path("none") + ": expected text files in the folder, found none");
  const FakePdftotext fake("echo");
  EXPECT_EQ(Message({scan}), "--doc " + scan + ": expected text, but its pages hold none; recognise it (OCR) first");
}

TEST_F(Documents, AConverterThatHangsIsEnded) {
  const FakePdftotext fake("exec sleep 600");
  const std::string paper = Write("d/paper.pdf", "%PDF-1.4");
  EXPECT_EQ(Message({Path("d")}, {.pdf_time_ms = 50}),
            "--doc " + paper + ": pdftotext took longer than 0.05 s and was ended; convert the file to text first");
}

TEST_F(Documents, WhatMayNotBeReadIsAnError) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const std::string secret = Write("d/secret.txt", "text");
  fs::permissions(secret, fs::perms::none);
  EXPECT_EQ(Message({Path("d")}), "cannot open " + secret + ": Permission denied");
  fs::permissions(root_ / "d", fs::perms::none);
  EXPECT_EQ(Message({Path("d")}), "--doc " + Path("d") + ": cannot read the folder: Permission denied");
  fs::permissions(root_ / "d", fs::perms::owner_all);
}

/// One line of 50 MB, and 9 MB of open tags.
TEST_F(Documents, LongLinesAreReadInOneGo) {
  std::string page;
  for (int i = 0; i < 3'000'000; ++i) page += "<p>";
  const std::string tags = Write("line.html", page + "end"), line = Write("line.txt", std::string(50'000'000, 'x'));
  EXPECT_EQ(ReadDocuments(std::vector{tags})[0].text, "end");
  EXPECT_EQ(ReadDocuments(std::vector{line})[0].text.size(), 50'000'000u);
}

}  // namespace
}  // namespace longshot
