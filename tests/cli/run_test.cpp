// labels: real
// `longshot run` from a YAML file to its report: killed and resumed, sharded and merged, repeated, compared, verified.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/mapped_file.h"
#include "tests/cli/run_longshot.h"
#include "tests/draws.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr const char* kExperiment = R"(name: small
repetitions: 2
tasks:
  - {kind: turns, count: 2, length: 400}
  - {kind: copying, count: 2, length: 500}
drafters: [none, copy, token-recycling, auto]
matrix:
  sampling.temperature: [0.7]
answer: {n_predict: 24, ignore_eos: true}
speculative: {num_speculative_tokens: 8, draft_pass_cost: "9:1.1"}
)";

class Run : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasModel()) GTEST_SKIP() << "no default model: make model";
    folder_.Write("small.yaml", std::string(kExperiment) + "runtime: {model: " + kModel + "}\n");
  }
  std::vector<std::string> Command(const std::string& name, std::vector<std::string> more = {}) const {
    std::vector<std::string> command = {"run", folder_ / "small.yaml", "-o", folder_ / name};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  json ReportOf(const std::string& name) const { return json::parse(ReadFile(folder_ / (name + "/report.json"))); }

  /// What does not depend on time: id, output, counters of drafters that do not decide by it.
  static json Timeless(const json& report) {
    json cells;
    for (const json& cell : report["cells"]) {
      cells[cell["id"].get<std::string>()] = {{"output", cell["output_sha256"]}, {"task", cell["task"]},
                                              {"sample", cell["sample"]},        {"prompt", cell["prompt_sha256"]},
                                              {"looping", cell["looping"]},      {"score", cell.value("score", -1.0)}};
    }
    return cells;
  }

  /// Finished cells, each a whole JSON text.
  size_t CellsIn(const std::string& name) const {
    size_t cells = 0;
    std::error_code absent;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / (name + "/cells"), absent)) {
      if (entry.path().extension() != ".json") continue;
      EXPECT_TRUE(json::accept(ReadFile(entry.path().string()))) << entry.path();
      ++cells;
    }
    return cells;
  }

  static void Sleep(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

  const TemporaryFolder folder_;
};

TEST_F(Run, AYamlFileBecomesAReport) {
  const Outcome outcome = RunLongshot(Command("r"));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, (folder_ / "r/report.html") + "\n");
  const json report = ReportOf("r");
  ASSERT_EQ(report["cells"].size(), 32u);
  ASSERT_EQ(report["table"].size(), 8u);
  for (const json& line : report["table"]) {
    EXPECT_EQ(line["different_outputs"], 0) << line;
    EXPECT_EQ(line["failed_cells"], 0) << line;
  }
  EXPECT_TRUE(report["table"][1].contains("decode_speedup"));
  for (const char* file : {"report.html", "report.md", "cells.csv"}) {
    EXPECT_GT(std::filesystem::file_size(folder_ / ("r/" + std::string(file))), 500u);
  }
  // The same again is refused, another experiment in the folder too; a repetition gives the same outputs.
  ExpectFailure(RunLongshot(Command("r")), 2, "--resume");
  ExpectFailure(RunLongshot(Command("r", {"--set", "repetitions=1"})), 2, "another experiment");
  const Outcome again = RunLongshot({"run", "--config", folder_ / "r/report.json", "-o", folder_ / "again"});
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(Timeless(ReportOf("again")), Timeless(report));
  const Outcome compared = RunLongshot({"compare", folder_ / "r", folder_ / "again", "--tolerance", "0.9"});
  EXPECT_EQ(compared.status, 0) << compared.out;

  // An output that differs under an exact label is a regression.
  const std::string id = report["cells"][1]["id"];
  json cell = report["cells"][1];
  cell["output_sha256"] = "other";
  folder_.Write("again/cells/" + id + ".json", cell.dump());
  EXPECT_EQ(RunLongshot({"report", folder_ / "again"}).status, 0);
  EXPECT_EQ(RunLongshot({"compare", folder_ / "r", folder_ / "again", "--tolerance", "0.9"}).status, 1);
}

TEST_F(Run, KilledAnywhereItResumesToTheSame) {
  ASSERT_EQ(RunLongshot(Command("whole")).status, 0);
  Draws draws(3);
  size_t before = 0;
  for (int kill = 0; kill < 20; ++kill) {
    Process process(kill == 0 ? Command("killed") : Command("killed", {"--resume"}));
    // Half of them at a moment drawn from the start, half from the next finished cell: on a slow machine too.
    for (int wait = 0; kill % 2 == 1 && wait < 1000 && CellsIn("killed") == before; ++wait) Sleep(20);
    Sleep(50 + draws.Below(kill % 2 == 1 ? 200 : 900));
    ::kill(process.pid(), SIGKILL);
    process.Wait();
    const size_t cells = CellsIn("killed");
    EXPECT_GE(cells, before) << "a finished cell was lost";
    before = cells;
  }
  const Outcome outcome = RunLongshot(Command("killed", {"--resume"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_GE(before, 5u) << "the kills met no finished cells";
  EXPECT_EQ(Timeless(ReportOf("killed")), Timeless(ReportOf("whole")));
}

TEST_F(Run, AFullDiskLosesNothingThatIsFinished) {
  if (std::system("unshare --mount --map-root-user true 2>/dev/null") != 0) GTEST_SKIP() << "cannot mount a small disk";
  ASSERT_EQ(RunLongshot(Command("whole")).status, 0);
  // A disk of 200 KB fills up; what was on it is copied away before the mount is gone.
  std::filesystem::create_directory(folder_ / "small");
  std::string command = "mount -t tmpfs -o size=200k none " + (folder_ / "small") + " && " + kLongshot;
  for (const std::string& word : Command("small/run")) command += " " + word;
  command += " >/dev/null 2>" + (folder_ / "err") + "; echo $? >" + (folder_ / "status") + "; cp -r " +
             (folder_ / "small/run") + " " + (folder_ / "saved");
  ASSERT_EQ(std::system(("unshare --mount --map-root-user sh -c '" + command + "'").c_str()), 0);
  EXPECT_EQ(ReadFile(folder_ / "status"), "1\n");
  const std::string error = ReadFile(folder_ / "err");
  EXPECT_NE(error.find("No space left"), std::string::npos) << error;
  EXPECT_GE(CellsIn("saved"), 1u);
  EXPECT_LT(CellsIn("saved"), 32u);
  // With room it goes on from there.
  const Outcome outcome = RunLongshot(Command("saved", {"--resume"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(Timeless(ReportOf("saved")), Timeless(ReportOf("whole")));
}

TEST_F(Run, ATextIsScoredByPlainDecodingAlone) {
  folder_.Write("ppl.yaml", std::string("name: ppl\nrepetitions: 3\ntasks:\n  - {kind: perplexity, paths: [") +
                                LONGSHOT_SOURCE_DIR "/README.md], count: 2, length: 300}\ndrafters: [none, copy]\n" +
                                "matrix: {runtime.kv_cache_dtype: [bf16, f16]}\nruntime: {model: " + kModel + "}\n");
  const Outcome outcome = RunLongshot({"run", folder_ / "ppl.yaml", "-o", folder_ / "p"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const json report = ReportOf("p");
  ASSERT_EQ(report["cells"].size(), 4u);
  ASSERT_EQ(report["planned_cells"], 4);
  for (const json& line : report["table"]) {
    EXPECT_EQ(line["metric"], "perplexity");
    EXPECT_GT(line["score"], 3);
    EXPECT_LT(line["score"], 200);
  }
  const double bf16 = report["table"][0]["score"], f16 = report["table"][1]["score"];
  EXPECT_NEAR(f16 / bf16, 1, 0.03);
}

TEST_F(Run, AnUnfinishedRunSaysWhatIsMissing) {
  ASSERT_EQ(RunLongshot(Command("part", {"--shard", "1/2"})).status, 0);
  EXPECT_EQ(ReportOf("part")["planned_cells"], 32);
  EXPECT_NE(ReadFile(folder_ / "part/report.md").find("16 of 32 cells are still to be made"), std::string::npos);
}

TEST_F(Run, ShardsMergeToTheWhole) {
  ASSERT_EQ(RunLongshot(Command("whole")).status, 0);
  for (const char* shard : {"1/2", "2/2"}) {
    const Outcome outcome = RunLongshot(Command(std::string("s") + shard[0], {"--shard", shard}));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  const Outcome merged = RunLongshot({"merge", folder_ / "s1", folder_ / "s2", "-o", folder_ / "merged"});
  ASSERT_EQ(merged.status, 0) << merged.err;
  EXPECT_EQ(Timeless(ReportOf("merged")), Timeless(ReportOf("whole")));
}

TEST_F(Run, ADryRunPlansAndMakesNothing) {
  const Outcome outcome = RunLongshot(Command("dry", {"--dry-run"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("32 cells"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("memory: weights"), std::string::npos) << outcome.out;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "dry"));
}

TEST_F(Run, WhatCannotRunIsRefusedBeforeTheModelIsPacked) {
  ExpectFailure(RunLongshot({"run", folder_ / "gone.yaml"}), 1, "gone.yaml");
  ExpectFailure(RunLongshot({"run"}), 2, "expected either a YAML file or --config");
  ExpectFailure(RunLongshot(Command("x", {"--shard", "3/2"})), 2, "--shard: expected i/n");
  ExpectFailure(RunLongshot(Command("x", {"--set", "task.length=100000"})), 2, "unknown key 'task'");
  ExpectFailure(RunLongshot(Command("x", {"--set", "matrix.task.length=[100000]"})), 1, "the model's context is 8192");
  ExpectFailure(RunLongshot(Command("x", {"--set", "answer.verify=greedy"})), 2, "--spec-verify greedy");
  ExpectFailure(RunLongshot(Command("x", {"--set", "speculative.num_speculative_tokens=4096"})), 1,
                "--spec-draft-n-max");
  ExpectFailure(RunLongshot(Command("x", {"--set", "extends=small.yaml"})), 2, "only a file may extend another");
  folder_.Write("file", "x");
  ExpectFailure(RunLongshot(Command("file/x")), 1, "cannot make this folder");
}

TEST_F(Run, VerifyAnswersBothWaysAndTellsWhetherTheyAreTheSame) {
  const Outcome outcome =
      RunLongshot({"verify", "-m", kModel, "-p", "Count to twenty, then count to twenty again.", "-n", "60",
                   "--spec-type", "auto", "--temp", "0.7", "--json", folder_ / "v.json"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("identical"), std::string::npos);
  EXPECT_EQ(json::parse(ReadFile(folder_ / "v.json"))["different"], 0);
  // Under rejection the law is the same, the text is not: it says where, and what was near.
  const Outcome other = RunLongshot({"verify", "-m", kModel, "-p", "Tell a story.", "-n", "60", "--spec-type", "window",
                                     "--temp", "1.5", "--spec-verify", "rejection", "--ignore-eos"});
  EXPECT_EQ(other.status, 1) << other.out << other.err;
  EXPECT_NE(other.out.find("DIFFERENT after"), std::string::npos) << other.out;
  EXPECT_NE(other.out.find("largest logits there are"), std::string::npos) << other.out;
  ExpectFailure(RunLongshot({"verify", "-m", kModel, "-p", "x", "--spec-type", "none"}), 2, "--spec-type");
}

TEST_F(Run, DoctorSaysWhatSpeculationNeeds) {
  const Outcome outcome =
      RunLongshot({"doctor", "-m", kModel, "--against", kModel, "-d", "512", "--json", folder_ / "d.json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const json report = json::parse(ReadFile(folder_ / "d.json"));
  EXPECT_EQ(report["vocabularies"]["different"], 0);
  EXPECT_GT(report["kv_to_weights"], 0);
  ASSERT_GE(report["break_even"].size(), 2u);
  EXPECT_GE(report["break_even"].size(), 3u);
  const json& lookup = report["break_even"][0];
  EXPECT_GT(lookup["acceptance"], 0);
  EXPECT_LT(lookup["acceptance"], 1);
}

}  // namespace
}  // namespace longshot
