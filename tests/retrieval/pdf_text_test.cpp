// labels: unit
#include "retrieval/pdf_text.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "tests/retrieval/fake_pdftotext.h"
#include "tests/runtime/model/model_bytes.h"

namespace longshot {
namespace {

std::string Message(const PdfLimits& limits = {}) {
  return ErrorText([&] { PdfText("paper.pdf", "%PDF-1.4 content", limits); });
}

TEST(PdfText, GivesTheConverterTheFileAndTakesWhatItWrites) {
  const FakePdftotext fake(R"(echo "$@"; cat "$4"; echo note >&2)");
  EXPECT_EQ(PdfText("paper.pdf", "%PDF-1.4 content"), "-enc UTF-8 -nopgbrk /dev/stdin -\n%PDF-1.4 content");
}

/// More than pipes hold, both ways.
TEST(PdfText, LargeFilesPassWhole) {
  const FakePdftotext fake(R"(cat "$4"; cat "$4" >&2)");
  std::string content = "%PDF-";
  for (int i = 0; i < 200'000; ++i) content += std::to_string(i);
  EXPECT_TRUE(PdfText("paper.pdf", content) == content) << "the text differs";
}

TEST(PdfText, ReadsAPage) {
  if (std::system("pdftotext -v >/dev/null 2>&1") != 0) GTEST_SKIP() << "no pdftotext: install poppler-utils";
  const std::string text = PdfText("paper.pdf", OnePagePdf());
  EXPECT_EQ(text.substr(0, 18), "Hello from a page\n");
  EXPECT_EQ(text.find('\f'), std::string::npos);
  EXPECT_EQ(ErrorText([] { PdfText("paper.pdf", "%PDF-1.4 but nothing else"); }).substr(0, 62),
            "--doc paper.pdf: pdftotext cannot read it (exit status 1): Syn");
}

TEST(PdfText, NamesThePackageWhereThereIsNoConverter) {
  const EmptyPath empty;
  EXPECT_EQ(Message(),
            "--doc paper.pdf: a PDF needs pdftotext, which is not on the PATH; install the package poppler-utils, or "
            "convert the file to text first");
}

TEST(PdfText, EndsAConverterThatHangs) {
  const std::string expected =
      "--doc paper.pdf: pdftotext took longer than 0.05 s and was ended; convert the file to text first";
  for (const char* script : {"exec sleep 600", "exec sleep 600 >&- 2>&-", "echo text; while :; do :; done",
                             "while :; do echo error >&2; done", "sleep 1 & wait"}) {
    const FakePdftotext fake(script);
    EXPECT_EQ(Message({.time_ms = 50}), expected) << script;
  }
}

TEST(PdfText, EndsAConverterThatWritesWithoutEnd) {
  const FakePdftotext fake("while :; do echo many words; done");
  EXPECT_EQ(Message({.text_bytes = 100'000}),
            "--doc paper.pdf: pdftotext wrote more than 100000 bytes of text, the most that is read; split it");
}

TEST(PdfText, PassesOnWhyTheConverterFailed) {
  {
    const FakePdftotext fake("echo half; printf 'Incorrect \\033[31m password\\nmore\\n' >&2; exit 3");
    EXPECT_EQ(
        Message(),
        "--doc paper.pdf: pdftotext cannot read it (exit status 3): Incorrect \\x1b[31m password; convert the file "
        "to text first");
  }
  const FakePdftotext fake("kill -11 $$");
  EXPECT_EQ(Message(), "--doc paper.pdf: pdftotext cannot read it (signal 11); convert the file to text first");
}

}  // namespace
}  // namespace longshot
