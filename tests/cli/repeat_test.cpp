// labels: real
// A report, given back, repeats the run: under rejection the text depends on what was proposed, and so on every
// measured limit. And what limits proposals, from the command line.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

using nlohmann::json;

class Repeat : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasModel()) GTEST_SKIP() << "no default model: make model";
  }
  /// Runs with these flags and returns the report, which stays at `report_`.
  json ReportOf(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), "generate");
    flags.insert(flags.end(), {"--json", report_});
    const Outcome outcome = RunLongshot(flags);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return json::parse(ReadFile(report_));
  }
  /// As above, and keeps it as the run to be repeated.
  json FirstReport(const std::string& drafter) const {
    json report = ReportOf({"-m", kModel, "-t", "1", "-s", "7", "-n", "40", "-p", kQuestion, "--temp", "0.9",
                            "--ignore-eos", "--spec-verify", "rejection", "--spec-type", drafter,
                            // Guesses seem to pay on every machine; how many are made is measured.
                            "--spec-draft-pass-cost", "2:1,64:1", "--spec-draft-cost-ratio", "0.1"});
    std::filesystem::rename(report_, first_);
    return report;
  }

  /// Its answer repeats itself, so that there are tokens to recycle.
  static constexpr const char* kQuestion =
      "Count again and again: one two three four five one two three four five "
      "one two three four five one two three four five";

  const TemporaryFolder folder_;
  const std::string report_ = folder_ / "report", first_ = folder_ / "first";
};

TEST_F(Repeat, AReportGivesTheSameTextAndTheSameProposals) {
  for (const char* drafter : {"window", "token-recycling"}) {
    SCOPED_TRACE(drafter);
    const json first = FirstReport(drafter);
    ASSERT_FALSE(first["draft_plan"]["verification_ms"].empty()) << "the first run measures";
    const json again = ReportOf({"--config", first_});
    EXPECT_TRUE(again["draft_plan"]["verification_ms"].empty()) << "the second run measures nothing";
    EXPECT_EQ(again["config"], first["config"]);
    EXPECT_EQ(again["config_sha256"], first["config_sha256"]);
    EXPECT_EQ(again["text"], first["text"]);
    EXPECT_EQ(again["metrics"], first["metrics"]);
    EXPECT_GT(first["metrics"]["spec_decode_num_drafts"], 0) << "nothing was proposed, so nothing was shown";
  }
}

TEST_F(Repeat, FlagsComeOnTopOfAReport) {
  json expected = FirstReport("token-recycling")["config"];
  expected["answer"]["n_predict"] = 7;
  EXPECT_EQ(ReportOf({"--config", first_, "-n", "7"})["config"], expected);
}

TEST_F(Repeat, WhatIsNoReportIsRefused) {
  const auto failure = [&](const std::string& text, const std::string& message) {
    folder_.Write("first", text);
    ExpectFailure(RunLongshot({"generate", "--config", first_}), 2, message);
  };
  failure("{\"confi", "expected a report with a block `config`");
  failure("{\"config\": 3}", "expected a report with a block `config`");
  failure("{\"config\": {\"sampler\": {}}}", "unknown section 'sampler'");
  failure("{\"config\": {\"sampling\": {\"temprature\": 1}}}", "temperature");
  ExpectFailure(RunLongshot({"generate", "--config", first_ + "x"}), 1, first_ + "x");
  folder_.Write("first", "{\"config\": {}}");
  ExpectFailure(RunLongshot({"generate", "--config", first_, "--json", first_}), 2, "this is the file of --config");
}

/// Requests that one pass of the target can take run, however short the context.
TEST(DraftLimitsOfACommand, LimitsOfAProposalAreThoseOfTheTargetNotOfTheContext) {
  if (!HasModel()) GTEST_SKIP() << "no default model: make model";
  const std::vector<std::vector<std::string>> cases{
      {"--spec-draft-n-max", "16"},
      {"--spec-type", "token-recycling", "--spec-tree-shape", "4,16,16,16,16"},
      {"--spec-type", "token-recycling", "-ub", "7"},
      {"--spec-type", "token-recycling", "-b", "1"}};
  for (const std::vector<std::string>& flags : cases) {
    std::vector<std::string> arguments{"generate", "-m", kModel, "-p", "Hi", "-n", "10", "-t", "1", "-s", "1"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome outcome = RunLongshot(arguments);
    EXPECT_EQ(outcome.status, 0) << flags.back() << ": " << outcome.err;
    EXPECT_FALSE(outcome.out.empty());
  }
}

}  // namespace
}  // namespace longshot
