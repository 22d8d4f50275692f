// labels: real
// --prompt-cache and `longshot prefill` on the default model: the text never depends on the file, and what becomes of
// files that do not fit is told in one line.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

class PromptCacheFlag : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasModel()) GTEST_SKIP() << "no default model: run `make model`";
    std::string text;
    for (int i = 0; i < 24; ++i) text += fmt::format("Entry {}: the keeper wrote {} lines about the sea.\n", i, i * i);
    folder_.Write("document", text);
    folder_.Write("longer", text + "Entry 24: the lamp went out.\n");
  }

  Outcome Ask(const std::string& question, std::vector<std::string> more, const std::string& document = "document") {
    std::vector<std::string> all{"generate",
                                 "-m",
                                 kModel,
                                 "--doc",
                                 folder_ / document,
                                 "-p",
                                 question,
                                 "-n",
                                 "12",
                                 "-s",
                                 "3",
                                 "--spec-draft-n-max",
                                 "4",
                                 "--json",
                                 folder_ / "report"};
    all.insert(all.end(), more.begin(), more.end());
    Outcome outcome = RunLongshot(all);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    report_ = outcome.status == 0 ? nlohmann::json::parse(ReadFile(folder_ / "report")) : nlohmann::json();
    return outcome;
  }
  Outcome Prefill(std::vector<std::string> more = {}) {
    std::vector<std::string> all{"prefill", "-m", kModel, "--doc", folder_ / "document", "--prompt-cache", cache_};
    all.insert(all.end(), more.begin(), more.end());
    return RunLongshot(all);
  }
  int64_t cached() const { return report_["timings"]["cache_n"]; }
  int64_t computed() const { return report_["timings"]["prompt_n"]; }

  const TemporaryFolder folder_;
  const std::string cache_ = folder_ / "cache";
  nlohmann::json report_;
};

size_t Lines(const std::string& text, const std::string& with) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(with, at)) != std::string::npos; ++at) ++count;
  return count;
}

TEST_F(PromptCacheFlag, QuestionsOnAPrefilledDocumentGetTheTextOfAColdRun) {
  const Outcome prefill = Prefill();
  ASSERT_EQ(prefill.status, 0) << prefill.err;
  EXPECT_EQ(prefill.out, "");
  EXPECT_EQ(Lines(prefill.err, "memory: "), 1u);
  EXPECT_NE(prefill.err.find(" tokens kept in " + cache_), std::string::npos) << prefill.err;
  const std::string before = ReadFile(cache_);
  const Outcome cold = Ask("What did the keeper write about?", {});
  const int64_t prompt = computed();
  EXPECT_EQ(cached(), 0);
  for (const char* drafter : {"none", "copy", "token-recycling", "window"}) {
    const Outcome warm = Ask("What did the keeper write about?", {"--spec-type", drafter, "--prompt-cache", cache_});
    EXPECT_EQ(warm.out, cold.out) << drafter;
    EXPECT_GT(cached(), prompt * 3 / 4);
    EXPECT_EQ(cached() + computed(), prompt);
    EXPECT_GT(report_["phases_ms"]["restore"], 0.0);
    EXPECT_EQ(Lines(warm.err, "prompt cache: "), 1u) << warm.err;
  }
  EXPECT_EQ(ReadFile(cache_) == before, true) << "questions leave the document's file alone";
  EXPECT_NE(Prefill().err.find("taken from"), std::string::npos);
}

TEST_F(PromptCacheFlag, GenerateMakesTheFileAndRenewsItForAnotherDocument) {
  const Outcome cold = Ask("What is this?", {});
  const Outcome first = Ask("What is this?", {"--prompt-cache", cache_});
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(first.out, cold.out);
  EXPECT_EQ(Lines(first.err, " tokens kept in "), 1u) << first.err;
  const Outcome second = Ask("What is this?", {"--prompt-cache", cache_});
  EXPECT_EQ(second.out, cold.out);
  EXPECT_EQ(computed(), 1) << "only the last prompt token is computed";
  EXPECT_EQ(Lines(second.err, " tokens kept in "), 0u);

  folder_.Write("other", std::string("Another document about something else. ") + ReadFile(folder_ / "document"));
  for (const char* document : {"longer", "other"}) {
    const Outcome expected = Ask("Why?", {}, document), got = Ask("Why?", {"--prompt-cache", cache_}, document);
    EXPECT_EQ(got.out, expected.out) << document;
    EXPECT_GT(cached(), 0) << "at least the system line is shared";
    EXPECT_EQ(Lines(got.err, " tokens kept in "), std::string_view(document) == "other" ? 1u : 0u) << got.err;
  }
}

TEST_F(PromptCacheFlag, WhatDoesNotFitIsRefusedInOneLineAndRenewed) {
  ASSERT_EQ(Prefill({"-ctk", "f16"}).status, 0);
  const auto expect_refusal = [&](const std::string& reason, std::vector<std::string> flags, const std::string& text) {
    flags.insert(flags.end(), {"--prompt-cache", cache_});
    const Outcome outcome = Ask("Why?", flags);
    EXPECT_EQ(outcome.out, text) << reason;
    EXPECT_EQ(cached(), 0) << reason;
    EXPECT_EQ(Lines(outcome.err, " is not used, the prompt is read again: "), 1u) << outcome.err;
    EXPECT_EQ(Lines(outcome.err, " tokens kept in "), 1u) << outcome.err;
    EXPECT_NE(outcome.err.find(reason), std::string::npos) << outcome.err;
  };
  const std::vector<std::string> f32 = {"--weight-type", "f32", "--cpu-isa", "avx2"};
  const std::vector<std::string> yarn = {"--rope-scaling", "yarn", "--rope-scale", "2"};
  const std::string plain = Ask("Why?", {}).out;
  expect_refusal("its cache type is k f16, v bf16, this run's is k bf16, v bf16", {}, plain);
  if (report_["device"]["numeric_path"] != "avx2 f32") {
    expect_refusal("this run's is avx2 f32", f32, Ask("Why?", f32).out);
  }
  expect_refusal("its rope scaling is none, this run's is yarn, factor 2 of ", yarn, Ask("Why?", yarn).out);
  folder_.Write("cache", "not a cache");
  expect_refusal("it is no prompt cache of Longshot", {}, plain);
  folder_.Write("cache", ReadFile(cache_).substr(0, 100'000));
  expect_refusal("truncated or damaged", {}, plain);
  std::string damaged = ReadFile(cache_);
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  folder_.Write("cache", damaged);
  expect_refusal(" does not match: damaged", {}, plain);
}

TEST_F(PromptCacheFlag, AFullDiskCostsOneLineAndTheAnswerComes) {
  const Outcome cold = Ask("Why?", {});
  folder_.Write("cache", "old");
  // A limit on the size of files fails the reservation, as a full disk does.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 2 << 20;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Outcome full = Ask("Why?", {"--prompt-cache", cache_});
  const Outcome prefill = Prefill();
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(full.out, cold.out);
  EXPECT_EQ(Lines(full.err, "prompt cache: not kept: cannot write " + cache_ + ": File too large"), 1u) << full.err;
  EXPECT_EQ(ReadFile(cache_), "old");
  EXPECT_EQ(prefill.status, 1);
  EXPECT_NE(prefill.err.find("error: cannot write " + cache_ + ": File too large"), std::string::npos) << prefill.err;
  EXPECT_EQ(prefill.err.find("prefill "), std::string::npos) << "found before the document is read";
  for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_NE(file.path().extension(), ".part") << file.path() << " stays";
  }
}

TEST_F(PromptCacheFlag, PathsAndFlagsThatCannotWorkAreErrorsBeforeTheWork) {
  const auto expect = [](const Outcome& outcome, int status, const std::string& error) {
    EXPECT_EQ(outcome.status, status);
    EXPECT_NE(outcome.err.find(error), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find("memory: "), std::string::npos) << "found too late";
  };
  const std::string folder = folder_.path();
  expect(RunLongshot({"generate", "-m", kModel, "-p", "x", "--prompt-cache", folder}), 2,
         "--prompt-cache " + folder + ": expected a file, or a name for one, got a folder");
  expect(RunLongshot({"generate", "-m", kModel, "-p", "x", "--prompt-cache", "/dev/full"}), 2,
         "--prompt-cache /dev/full: expected a file, or a name for one, got a device or pipe");
  expect(RunLongshot({"generate", "-m", kModel, "-p", "x", "--prompt-cache", folder + "/no/cache"}), 1,
         "its folder cannot be used: No such file or directory");
  expect(RunLongshot({"prefill", "-m", kModel, "--doc", folder_ / "document"}), 2, "--prompt-cache FILE is needed");
  expect(RunLongshot({"prefill", "-m", kModel, "--prompt-cache", cache_}), 2, "give the long document with --doc");
  expect(RunLongshot({"prefill", "-m", kModel, "-p", "x", "--prompt-cache", cache_}), 2, "-p");
}

}  // namespace
}  // namespace longshot
