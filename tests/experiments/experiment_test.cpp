// labels: unit
#include "experiments/experiment.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/draws.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

constexpr const char* kWhole = R"(name: whole
about: a test
repetitions: 2
tasks:
  - {kind: needles, count: 2, length: 500}
  - {kind: copying, name: copies}
drafters:
  - copy
  - {method: window, draft_window: [256, 512]}
  - {method: token-recycling, name: trees}
matrix:
  sampling.temperature: [0.7, 0]
  task.length: [500, 1000]
answer: {n_predict: 32}
runtime: {kv_cache_dtype: f16}
)";

class ExperimentFile : public testing::Test {
 protected:
  Experiment Read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    folder_.Write("e.yaml", text);
    return ReadExperiment(folder_ / "e.yaml", overrides);
  }
  std::string ErrorOf(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    try {
      Read(text, overrides);
      return "no error";
    } catch (const Error& error) {
      const std::string message = error.what(), path = (folder_ / "e.yaml") + ":";
      return message.starts_with(path) ? message.substr(path.size()) : message;
    }
  }

  const TemporaryFolder folder_;
};

std::vector<std::string> NamesOf(const Experiment& experiment) {
  std::vector<std::string> names;
  for (const DrafterVariant& drafter : experiment.drafters) names.push_back(drafter.name);
  return names;
}

TEST_F(ExperimentFile, MatrixAndDrafters) {
  const Experiment experiment = Read(kWhole);
  EXPECT_EQ(NamesOf(experiment),
            (std::vector<std::string>{"none", "copy", "window draft_window=256", "window draft_window=512", "trees"}));
  const std::vector<Setting> settings = SettingsOf(experiment);
  ASSERT_EQ(settings.size(), 4u);
  EXPECT_EQ(settings[3].options.sampling.temperature, 0);
  EXPECT_EQ(settings[3].tasks[0].length, 1000);
  EXPECT_EQ(settings[3].tasks[1].length, 1000);
  EXPECT_EQ(settings[0].options.answer.n_predict, 32);
  EXPECT_EQ(DrafterOf(experiment.drafters[2], settings[0]).window.recent, 256);
}

TEST_F(ExperimentFile, OverridesComeOnTop) {
  const Experiment experiment =
      Read(kWhole, {"repetitions=5", "sampling.top_p=0.5", "matrix.sampling.temperature=[1]"});
  EXPECT_EQ(experiment.head.repetitions, 5);
  EXPECT_EQ(experiment.base.sampling.top_p, 0.5);
  EXPECT_EQ(SettingsOf(experiment).size(), 2u);
  EXPECT_NE(ErrorOf(kWhole, {"sampling.tp_p=1"}).find("nearest known one is 'top_p'"), std::string::npos);
  EXPECT_NE(ErrorOf(kWhole, {"repetitions"}).find("expected key=value"), std::string::npos);
}

TEST_F(ExperimentFile, ExtendsAnotherFile) {
  folder_.Write("base.yaml", kWhole);
  const Experiment experiment = Read("extends: base.yaml\nrepetitions: 3\n");
  EXPECT_EQ(experiment.head.repetitions, 3);
  EXPECT_EQ(experiment.head.name, "e");
  EXPECT_EQ(experiment.tasks.size(), 2u);
  EXPECT_NE(ErrorOf("extends: e.yaml\n").find("circle"), std::string::npos);
  EXPECT_NE(ErrorOf("extends: gone.yaml\n").find("gone.yaml"), std::string::npos);
}

TEST_F(ExperimentFile, AReportGivesTheSameExperiment) {
  const Experiment experiment = Read(kWhole);
  folder_.Write("report.json", nlohmann::json({{"experiment", ToJson(experiment)}}).dump());
  const Experiment again = ReadStoredRun(folder_ / "report.json", {}).experiment;
  EXPECT_EQ(ToJson(again), ToJson(experiment));
  EXPECT_EQ(NamesOf(again), NamesOf(experiment));
}

TEST_F(ExperimentFile, ErrorsNamePlaceAndCure) {
  EXPECT_EQ(
      ErrorOf("tasks: [{kind: needels}]\n"),
      "1:16: kind: expected one of prompts, documents, passkey, needles, turns, variables, copying, editing, code, "
      "perplexity, got 'needels'");
  const std::string axis = "tasks: [{kind: turns}]\nmatrix: {sampling.temperature: [0, 1]}\n";
  EXPECT_NE(ErrorOf(axis, {"sampling.temperature=0"}).find("'matrix.sampling.temperature=[...]'"), std::string::npos);
  EXPECT_NE(ErrorOf("tasks: [{kind: turns}]\nspeculative: {method: copy}\n").find("under `drafters`"),
            std::string::npos);
  EXPECT_NE(ErrorOf("tsaks: []\n").find("1:1: unknown key 'tsaks'; the nearest known one is 'tasks'"),
            std::string::npos);
  EXPECT_NE(ErrorOf("tasks: []\n").find("1:8: tasks: expected a list with at least one entry"), std::string::npos);
  EXPECT_NE(ErrorOf("name: x\n").find("expected `tasks`"), std::string::npos);
  const std::string task = "tasks: [{kind: passkey}]\n";
  EXPECT_NE(ErrorOf(task + "drafters: [coppy]\n").find("copy"), std::string::npos);
  EXPECT_NE(ErrorOf(task + "drafters: [{method: window, drft_window: 3}]\n").find("2:42: drft_window: unknown key"),
            std::string::npos);
  EXPECT_NE(ErrorOf(task + "drafters: [copy, copy]\n").find("two drafters are called 'copy'"), std::string::npos);
  EXPECT_NE(ErrorOf(task + "matrix: {speculative.window: [1]}\n").find("vary under `drafters`"), std::string::npos);
  EXPECT_NE(ErrorOf(task + "matrix: {sampling.temp: [1]}\n").find("nearest known one is 'sampling."),
            std::string::npos);
  EXPECT_NE(ErrorOf(task + "matrix: {sampling.temperature: [-1]}\n").find("2:33: sampling.temperature: expected"),
            std::string::npos);
  EXPECT_NE(ErrorOf(task + "prompt: {documents: [x]}\n").find("unknown key 'documents'"), std::string::npos);
}

TEST_F(ExperimentFile, AnyBytesGiveAnExperimentOrAnError) {
  Draws draws(5);
  const std::string alphabet = ":-[]{},#&*!|>'\"% \n\tax0.";
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string text = kWhole;
    for (int64_t edits = 1 + draws.Below(4); edits > 0; --edits) {
      text[static_cast<size_t>(draws.Below(std::ssize(text)))] =
          alphabet[static_cast<size_t>(draws.Below(std::ssize(alphabet)))];
    }
    const std::string error = ErrorOf(text);
    refused += error != "no error";
    EXPECT_LT(error.size(), 600u) << text;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
  EXPECT_GT(refused, 200);
}

TEST(Matrix, TooManyPointsAreRefused) {
  Experiment experiment;
  Axis axis{"sampling.top_k", {}};
  for (int i = 0; i < 200; ++i) axis.values.push_back({"sampling.top_k", std::to_string(i), "here"});
  experiment.matrix = {axis, axis, axis};
  EXPECT_THROW(SettingsOf(experiment), Error);
}

}  // namespace
}  // namespace longshot
