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
    std::vector<std::string> arguments = {"generate",
                                          "-m",
                                          kModel,
                                          "--doc",
                                          folder_ / document,
                                          "-p",
                                          "What does the license say about patents?",
                                          "-n",
                                          "48",
                                          "--ignore-eos",
                                          "-s",
                                          "3",
                                          "--temp",
                                          "0.8",
                                          "--json",
                                          folder_ / "report.json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunLongshot(arguments);
  }
  json Report() const { return json::parse(ReadFile(folder_ / "report.json")); }

  const TemporaryFolder folder_;
};

TEST_F(Rag, TheTextIsThatOfPlainDecodingWhateverIsRetrieved) {
  const std::string plain = Ask({"--spec-type", "none"}).out;
  for (const char* budget : {"64", "600", "auto", "paper"}) {
    const Outcome outcome =
        Ask({"--spec-type", "rag", "--spec-rag-retriever", "bm25", "--spec-rag-budget", budget, "--spec-draft-n-max",
             "6", "--spec-draft-pass-cost", "7:1.05", "--spec-rag-cost-ratio", "0.1"});
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
  const std::vector<std::string> rapid = {"--spec-type",           "rag",   "--spec-rag-retriever", "bm25",
                                          "--spec-verify",         "rapid", "--spec-draft-n-max",   "4",
                                          "--spec-rag-cost-ratio", "0.1"};
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
  // At temperature 0 nothing is drawn: with a margin the answer is another one, and always the same.
  const std::string plain = Ask({"--spec-type", "none", "--temp", "0"}).out;
  const auto greedy = [&](const char* margin) {
    std::vector<std::string> arguments = with(margin);
    arguments.insert(arguments.end(), {"--temp", "0", "--spec-draft-pass-cost", "7:1.05"});
    const Outcome outcome = Ask(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  };
  EXPECT_EQ(greedy("0"), plain);
  const std::string shifted = greedy("50");
  EXPECT_NE(shifted, plain);
  EXPECT_EQ(Report()["exactness"], "changes-model");
  EXPECT_GE(Report()["metrics"]["law_shift"], 1) << "tokens that the target alone would not have taken";
  EXPECT_EQ(greedy("50"), shifted);
}

TEST_F(Rag, AutoReadsPassagesWhereThatPays) {
  const std::string plain = Ask({"--spec-type", "none", "-n", "300"}).out;
  const auto report = [&](const char* type, const char* read_cost) {
    const Outcome outcome =
        Ask({"--spec-type", type, "-n", "300", "--spec-rag-read-cost", read_cost, "--spec-draft-n-max", "6",
             "--spec-draft-pass-cost", "7:1.05", "--spec-rag-cost-ratio", "0.1"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, plain);
    return Report();
  };
  const json dear = report("auto", "100");
  EXPECT_EQ(dear["metrics"]["arms"]["rag"]["rounds"], 0) << dear["metrics"]["arms"];
  EXPECT_FALSE(dear.contains("retrieval")) << "nobody looked for passages";
  const json cheap = report("copy,rag", "0.0001");
  EXPECT_GT(cheap["metrics"]["arms"]["rag"]["rounds"], 0) << cheap["metrics"]["arms"];
  EXPECT_GT(cheap["retrieval"]["chunks"].size(), 0u);
  EXPECT_EQ(cheap["retrieval"]["ms"], 0) << "found in the answer";
  ExpectFailure(Ask({"--spec-type", "auto", "--spec-rag-index", "hnsw"}), 2, "--spec-rag-retriever hybrid");
  ExpectFailure(Ask({"--spec-type", "copy", "--spec-verify", "rapid", "--spec-margin", "5"}), 2,
                "not every drafter of copy");
  ExpectFailure(Ask({"--spec-type", "rag", "--spec-margin-guard", "enriched"}), 2, "--spec-margin-guard has no effect");
  ExpectFailure(RunLongshot({"generate", "-m", kModel, "-p", "x", "-s", "1", "--spec-type", "auto", "-md", kModel}), 2,
                "give documents with --doc");
  ExpectFailure(Ask({"--spec-type", "rag", "--context", "retrieved"}), 2, "leave rag out");
}

TEST_F(Rag, AReportOfItIsRepeatedWithAnotherDrafter) {
  const std::string plain = Ask({"--spec-type", "none"}).out;
  ASSERT_EQ(Ask({"--spec-type", "auto"}).status, 0);
  std::filesystem::rename(folder_ / "report.json", folder_ / "first.json");
  for (const char* type : {"copy", "window", "rag"}) {
    const Outcome again = RunLongshot({"generate", "--config", folder_ / "first.json", "--spec-type", type,
                                       "--spec-rag-retriever", "bm25", "--spec-rag-cache", "off"});
    if (std::string_view(type) == "rag") {
      EXPECT_EQ(again.status, 0) << again.err;
      EXPECT_EQ(again.out, plain);
    } else {
      EXPECT_NE(again.err.find("--spec-rag-retriever has no effect"), std::string::npos) << "it was typed";
    }
    const Outcome bare = RunLongshot({"generate", "--config", folder_ / "first.json", "--spec-type", type});
    if (std::string_view(type) == "rag") continue;
    EXPECT_EQ(bare.status, 0) << bare.err;
    EXPECT_EQ(bare.out, plain) << type;
  }
}

TEST_F(Rag, PassagesAreLookedForAgain) {
  const std::vector<std::string> rag = {"--spec-type",           "rag", "--spec-rag-retriever", "bm25",
                                        "--spec-rag-budget",     "200", "--spec-draft-n-max",   "4",
                                        "--spec-rag-cost-ratio", "0.1"};
  const std::string plain = Ask({"--spec-type", "none"}).out;
  std::vector<std::string> refreshed = rag;
  refreshed.insert(refreshed.end(), {"--spec-rag-refresh", "16"});
  const Outcome outcome = Ask(refreshed);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, plain);
  EXPECT_GE(Report()["retrieval"]["refreshed"], 1);
}

TEST_F(Rag, AnotherRunTakesTheRowsOfTheSameText) {
  const std::vector<std::string> rag = {"--spec-type",           "rag", "--spec-rag-retriever", "bm25",
                                        "--spec-rag-budget",     "300", "--spec-draft-n-max",   "4",
                                        "--spec-rag-cost-ratio", "0.1", "--prompt-cache",       folder_ / "rows"};
  const Outcome cold = Ask(rag);
  ASSERT_EQ(cold.status, 0) << cold.err;
  ASSERT_TRUE(std::filesystem::exists(folder_ / "rows.draft"));
  const auto written = std::filesystem::last_write_time(folder_ / "rows.draft");
  const Outcome warm = Ask(rag);
  ASSERT_EQ(warm.status, 0) << warm.err;
  EXPECT_EQ(warm.out, cold.out);
  folder_.Write("notes.draft", "not a cache");
  std::vector<std::string> beside = rag;
  beside.back() = folder_ / "notes";
  EXPECT_EQ(Ask(beside).status, 0);
  EXPECT_EQ(ReadFile(folder_ / "notes.draft"), "not a cache");
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "rows.draft"), written) << "the rows were taken, not made anew";
  std::filesystem::resize_file(folder_ / "rows.draft", 1000);
  const Outcome damaged = Ask(rag);
  EXPECT_EQ(damaged.status, 0) << damaged.err;
  EXPECT_EQ(damaged.out, cold.out);
  ExpectFailure(Ask({"--prompt-cache", folder_ / "x", "--json", folder_ / "x.draft"}), 2, "x.draft");
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
  // A report repeats it, whatever room there was: the context that it stores is smaller than the model's.
  const Outcome roomy =
      Ask({"--spec-type", "none", "--context", "retrieved", "--spec-rag-retriever", "bm25", "-n", "16"}, "long.txt");
  ASSERT_EQ(roomy.status, 0) << roomy.err;
  std::filesystem::rename(folder_ / "report.json", folder_ / "first.json");
  const Outcome again = RunLongshot({"generate", "--config", folder_ / "first.json"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.out, roomy.out);
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
