// labels: real
// What limits proposals, from the command line.
// A report's resolved configuration, given back as flags, repeats the run: under rejection the text depends on what was
// proposed, and so on every measured limit.
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_longshot.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Runs with `more` flags and returns the report.
json ReportOf(const std::vector<std::string>& more) {
  const std::string path =
      (fs::temp_directory_path() / ("longshot_repeat_" + std::to_string(::getpid()) + ".json")).string();
  std::vector<std::string> arguments{"generate",
                                     "-m",
                                     kModel,
                                     "--json",
                                     path,
                                     "-t",
                                     "1",
                                     "-s",
                                     "7",
                                     "-n",
                                     "40",
                                     "-p",
                                     "Tell a story of twenty numbers.",
                                     "--temp",
                                     "0.9",
                                     "--ignore-eos",
                                     "--spec-verify",
                                     "rejection"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = RunLongshot(arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  std::ifstream in(path);
  json report = json::parse(in);
  fs::remove(path);
  return report;
}

TEST(Repeat, StoredLimitsAndCostsGiveTheSameTextAndTheSameProposals) {
  if (!HasModel()) GTEST_SKIP() << "no default model: make model";
  for (const char* drafter : {"window", "token-recycling"}) {
    SCOPED_TRACE(drafter);
    const json first = ReportOf({"--spec-type", drafter});
    ASSERT_FALSE(first["draft_plan"]["verification_ms"].empty()) << "the first run measures";
    const json& stored = first["config"]["speculative"];
    const json again = ReportOf({"--spec-type", drafter, "--spec-draft-n-max", stored["num_speculative_tokens"].dump(),
                                 "--spec-draft-depth", stored["draft_max_depth"].dump(), "--spec-draft-pass-cost",
                                 stored["draft_pass_cost"].get<std::string>(), "--spec-draft-cost-ratio",
                                 stored["draft_cost_ratio"].dump()});
    EXPECT_TRUE(again["draft_plan"]["verification_ms"].empty()) << "the second run measures nothing";
    EXPECT_EQ(again["config"], first["config"]);
    EXPECT_EQ(again["config_sha256"], first["config_sha256"]);
    EXPECT_EQ(again["text"], first["text"]);
    EXPECT_EQ(again["metrics"], first["metrics"]);
    EXPECT_GT(first["metrics"]["spec_decode_num_drafts"], 0) << "nothing was proposed, so nothing was shown";
  }
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
