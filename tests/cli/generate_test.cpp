// labels: real
// The command end to end on the default model: what reaches standard output, the report, and Ctrl-C.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "core/sha256.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

class Generate : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasModel()) GTEST_SKIP() << "no default model: make model";
  }

  std::vector<std::string> Arguments(std::vector<std::string> more) const {
    std::vector<std::string> all{"generate", "-m", kModel, "--json", json_, "-s", "1", "-t", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  nlohmann::json Report() const {
    std::ifstream in(json_);
    return nlohmann::json::parse(in);
  }

  const TemporaryFolder folder_;
  const std::string json_ = folder_ / "report";
};

TEST_F(Generate, TextGoesToStandardOutputAndTheReportAgrees) {
  // In f32: what rounding rows to 8 bits turns the model to is no part of this test.
  const Outcome outcome = RunLongshot(
      Arguments({"-p", "What is the capital of France?", "-n", "24", "--temp", "0", "--weight-type", "f32"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("Paris"), std::string::npos) << outcome.out;
  const nlohmann::json report = Report();
  EXPECT_EQ(report["text"], outcome.out);
  EXPECT_EQ(report["output_sha256"], Sha256Hex(outcome.out));
  EXPECT_EQ(report["exactness"], "exact");
  EXPECT_EQ(report["stop_reason"], "end-of-generation");
  for (const char* key : {"timings", "phases_ms", "memory_bytes", "looping", "prompt_sha256", "latency_ms", "config",
                          "build", "device", "metrics"}) {
    EXPECT_TRUE(report.contains(key)) << key;
  }
  for (const char* key : {"prompt_n", "prompt_ms", "predicted_n", "predicted_per_second", "draft_n_accepted"}) {
    EXPECT_TRUE(report["timings"].contains(key)) << key;
  }
  EXPECT_GE(report["config"]["speculative"]["num_speculative_tokens"], 1) << "the measured cap is stored";
  EXPECT_NE(outcome.err.find("draft acceptance = "), std::string::npos);
}

TEST_F(Generate, MetricsTellWhatOperationsTookAndChangeNothing) {
  const std::vector<std::string> request = {"-p", "Name three colours.", "-n", "24", "--spec-type", "copy"};
  const Outcome plain = RunLongshot(Arguments(request));
  ASSERT_EQ(plain.status, 0) << plain.err;
  EXPECT_FALSE(Report().contains("operations"));
  std::vector<std::string> measured = request;
  measured.push_back("--metrics");
  const Outcome outcome = RunLongshot(Arguments(measured));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, plain.out);
  EXPECT_NE(outcome.err.find("gate/up product"), std::string::npos) << outcome.err;
  const nlohmann::json report = Report(), phases = report["operations"]["phases"];
  ASSERT_TRUE(phases.contains("prefill_target") && phases.contains("sizing") && phases.contains("score")) << phases;
  for (const auto& [name, phase] : phases.items()) {
    double sum = 0;
    for (const auto& operation : phase["operations"]) sum += operation["ms"].get<double>();
    EXPECT_GT(sum, 0) << name;
    EXPECT_LE(sum, phase["ms"].get<double>() + 1e-6) << name;
    EXPECT_NEAR(sum + phase["outside_operations_ms"].get<double>(), phase["ms"].get<double>(), 1e-6) << name;
    EXPECT_EQ(phase["ms"], report["phases_ms"][name]);
  }
}

TEST_F(Generate, StopStringEndsBeforeItself) {
  const Outcome outcome = RunLongshot(Arguments(
      {"-p", "Count from 1 to 9, with commas.", "-n", "60", "--temp", "0", "--stop", "4", "--spec-type", "none"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("3"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("4"), std::string::npos) << outcome.out;
  EXPECT_EQ(Report()["stop_reason"], "stop-string");
}

TEST_F(Generate, CtrlCEndsCleanlyWithWhatWasProduced) {
  Process process(Arguments({"-p", "Tell a very long story.", "-n", "2000", "--ignore-eos"}));
  char first = 0;
  ASSERT_EQ(::read(process.out(), &first, 1), 1);
  ASSERT_EQ(::kill(process.pid(), SIGINT), 0);
  const Outcome outcome = process.Wait();
  EXPECT_EQ(outcome.status, 130) << outcome.err;
  const nlohmann::json report = Report();
  EXPECT_EQ(report["stop_reason"], "interrupted");
  EXPECT_EQ(report["text"], first + outcome.out);
  EXPECT_GT(report["timings"]["predicted_n"], 0);
}

TEST_F(Generate, FullStandardOutputIsAnError) {
  const Outcome outcome = RunLongshot({"generate", "-m", kModel, "-p", "Hello", "-n", "8", "-s", "1"}, "/dev/full");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("error: cannot write to standard output: No space left on device"), std::string::npos)
      << outcome.err;
}

TEST_F(Generate, PrintedRandomSeedRepeatsTheAnswer) {
  const auto run = [&](const std::string& seed) {
    return RunLongshot({"generate", "-m", kModel, "-p", "Invent a name.", "-n", "12", "-s", seed, "-t", "1"});
  };
  const Outcome first = run("-1");
  const size_t at = first.err.find("seed: ");
  ASSERT_NE(at, std::string::npos) << first.err;
  const std::string seed = first.err.substr(at + 6, first.err.find('\n', at) - at - 6);
  EXPECT_EQ(run(seed).out, first.out);
}

TEST_F(Generate, MemoryOfALongAnswerIsWhatWasToldAndLittleMore) {
  const char* const text = "/usr/share/common-licenses/GPL-3";
  if (!std::filesystem::exists(text)) GTEST_SKIP() << text << " is missing: install the package base-files";
  const Outcome outcome = RunLongshot({"generate", "-m", kModel, "--json", json_, "-s", "1", "--doc", text, "-p",
                                       "Who may copy this?", "-c", "8192", "-n", "8", "--temp", "0"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json memory = Report()["memory_bytes"];
  const auto of = [&](const char* name) { return memory[name].get<int64_t>(); };
  EXPECT_GT(Report()["timings"]["prompt_n"], 6000);
  EXPECT_GT(of("peak"), of("weights") + of("target_kv") * 6 / 8) << "rows that are filled are counted";
  EXPECT_LT(of("peak"), of("weights") + of("target_kv") + 400'000'000);
  EXPECT_LT(of("peak"), of("total") + 200'000'000) << "much was not in the table";
}

}  // namespace
}  // namespace longshot
