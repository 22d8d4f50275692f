// labels: real
// The drafter on retrieved passages, another model that drafts, RAPID's margin, and documents longer than the context.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/mapped_file.h"
#include "session/draft_model.h"
#include "session/session.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr const char* kText = "/usr/share/common-licenses/GPL-3";

class Rag : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasModel()) GTEST_SKIP() << "no default model: make model";
    if (!std::filesystem::exists(kText)) GTEST_SKIP() << kText << " is missing: install the package base-files";
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);  // the command's, too
    const std::string text = ReadFile(kText);
    folder_.Write("document.txt", text.substr(0, text.rfind('\n', 12000)));
  }
  /// A question about the document; its report lies in `report.json`.
  Outcome Ask(std::vector<std::string> more, const std::string& document = "document.txt") const {
    std::vector<std::string> arguments = {"generate", "-m", kModel, "--doc", folder_ / document, "-p",
                                          "What does the license say about patents?", "-n", "48", "--ignore-eos", "-s",
                                          "3", "--temp", "0.8", "--json", folder_ / "report.json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunLongshot(arguments);
  }
  json Report() const { return json::parse(ReadFile(folder_ / "report.json")); }

  const TemporaryFolder folder_;
};

TEST_F(Rag, TheTextIsThatOfPlainDecodingWhateverIsRetrieved) {
  const std::string plain = Ask({"--spec-type", "none"}).out;
  for (const char* budget : {"64", "600", "auto", "paper"}) {
    const Outcome outcome = Ask({"--spec-type", "rag", "--spec-rag-retriever", "bm25", "--spec-rag-budget", budget,
                                 "--spec-draft-n-max", "6", "--spec-draft-pass-cost", "7:1.05",
                                 "--spec-rag-cost-ratio", "0.1"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, plain) << budget;
    const json report = Report();
    EXPECT_EQ(report["exactness"], "exact");
    EXPECT_GT(report["timings"]["draft_n"], 0);
    EXPECT_GT(report["retrieval"]["chunks"].size(), 0u);
    EXPECT_LE(report["retrieval"]["tokens"], report["retrieval"]["budget_tokens"]);
  }
  const Outcome listed = Ask({"--spec-type", "copy,rag", "--spec-rag-retriever", "bm25"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  EXPECT_EQ(listed.out, plain);
  ExpectFailure(RunLongshot({"generate", "-m", kModel, "-p", "x", "--spec-type", "rag"}), 2, "give them with --doc");
  ExpectFailure(Ask({"--spec-type", "rag", "--spec-rag-budget", "much"}), 2, "--spec-rag-budget");
  ExpectFailure(Ask({"--spec-type", "copy", "--spec-rag-budget", "64"}), 2, "--spec-rag-budget has no effect");
  ExpectFailure(Ask({"--spec-type", "rag", "--spec-rag-embedder", folder_ / "gone"}), 1, "--spec-rag-retriever bm25");
}

TEST_F(Rag, AMarginIsToldToChangeTheModel) {
  const std::vector<std::string> rapid = {"--spec-type", "rag", "--spec-rag-retriever", "bm25", "--spec-verify",
                                          "rapid", "--spec-draft-n-max", "4", "--spec-rag-cost-ratio", "0.1"};
  const auto with = [&](const char* margin) {
    std::vector<std::string> arguments = rapid;
    arguments.insert(arguments.end(), {"--spec-margin", margin});
    return arguments;
  };
  ASSERT_EQ(Ask(with("0")).status, 0);
  EXPECT_EQ(Report()["exactness"], "distribution");
  EXPECT_NEAR(Report()["metrics"]["law_shift"].get<double>(), 0, 1e-3);
  ASSERT_EQ(Ask(with("20")).status, 0);
  EXPECT_EQ(Report()["exactness"], "changes-model");
  EXPECT_GT(Report()["metrics"]["law_shift"], 0.01);
  ExpectFailure(Ask({"--spec-type", "rag", "--spec-margin", "5"}), 2, "--spec-margin has no effect");
  std::vector<std::string> greedy = with("5");
  greedy.insert(greedy.end(), {"--temp", "0"});
  ExpectFailure(Ask(greedy), 2, "--temp");
}

TEST_F(Rag, AnotherModelDraftsIfItHasTheSameVocabulary) {
  const std::string plain = Ask({"--spec-type", "none"}).out;
  const Outcome outcome =
      Ask({"--spec-type", "draft-simple", "-md", kModel, "--spec-draft-n-max", "4", "--spec-rag-cost-ratio", "0.1"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, plain);
  const json metrics = Report()["metrics"];
  EXPECT_GT(metrics["draft_acceptance_rate"], 0.9) << "the same model on the same text";
  ExpectFailure(Ask({"--spec-type", "draft-simple"}), 2, "name it with -md");
  DrafterConfig config;
  config.type = "draft-simple", config.rag.model = kModel;
  Vocabulary other = ReadTokenizer(*OpenDecoder(kModel)).vocabulary();
  RequireDraftModel(config, other);
  other.pieces[100] = "elsewhere";
  try {
    RequireDraftModel(config, other);
    FAIL() << "a vocabulary that differs was taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("token 100 is"), std::string::npos) << error.what();
  }
}

TEST_F(Rag, ALongDocumentIsNeverCutInSilence) {
  const std::string text = ReadFile(kText);
  folder_.Write("long.txt", text + text);
  const Outcome full = Ask({"--spec-type", "none"}, "long.txt");
  EXPECT_EQ(full.status, 1);
  EXPECT_NE(full.err.find("--context retrieved"), std::string::npos) << full.err;
  const Outcome outcome =
      Ask({"--spec-type", "none", "--context", "retrieved", "--spec-rag-retriever", "bm25", "--spec-rag-budget", "800"},
          "long.txt");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("retrieved passages"), std::string::npos) << outcome.err;
  const json report = Report();
  EXPECT_EQ(report["exactness"], "changes-model");
  EXPECT_GT(report["context"]["chunks"].size(), 3u);
  EXPECT_LT(report["timings"]["prompt_n"], 1024);
}

TEST_F(Rag, VerifyShowsIt) {
  const Outcome outcome =
      RunLongshot({"verify", "-m", kModel, "--doc", folder_ / "document.txt", "-p", "Who may convey verbatim copies?",
                   "--spec-type", "rag", "--spec-rag-retriever", "bm25", "-n", "40", "--temp", "1"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("identical"), std::string::npos);
}

}  // namespace
}  // namespace longshot
