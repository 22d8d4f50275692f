#include "cli/demo_table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "session/report.h"

namespace longshot {
namespace {

DemoRun Timed(double decode_ms, double total_ms, bool looping = false, bool identical = true) {
  DemoRun run;
  run.tokens = 100;
  run.decode_ms = decode_ms;
  run.total_ms = total_ms;
  run.looping = looping;
  run.text = identical ? "text" : "other text";
  return run;
}

TEST(DemoTable, MediansOfPairsLeaveLoopsOut) {
  const DemoCell plain{"t", "none", {Timed(1000, 3000), Timed(1000, 3000), Timed(1000, 3000)}};
  const DemoCell fast{"t", "copy", {Timed(500, 2000), Timed(100, 1000, true), Timed(250, 1500)}};
  const DemoLine line = MakeDemoLine(fast, plain);
  EXPECT_EQ(line.tokens, 300);
  EXPECT_DOUBLE_EQ(line.decode.median, 3.0) << "median of 2 and 4; the looping 10 is left out";
  EXPECT_DOUBLE_EQ(line.latency.median, 1.75);
  EXPECT_DOUBLE_EQ(line.ms_per_token, 3.75);
  EXPECT_EQ(line.looping_runs, 1);
  EXPECT_FALSE(line.proposed);
}

TEST(DemoTable, AllLoopingIsShownAndFlagged) {
  const DemoCell plain{"t", "none", {Timed(1000, 3000, true)}};
  const DemoLine line = MakeDemoLine({"t", "copy", {Timed(500, 2000, true)}}, plain);
  EXPECT_DOUBLE_EQ(line.decode.median, 2.0);
  EXPECT_NE(FormatDemoTable(std::vector{line}).find("1 of 1"), std::string::npos);
}

TEST(DemoTable, CountersComeFromTheRunsThatTimesComeFrom) {
  DemoRun looping = Timed(100, 1000, true), usual = Timed(500, 2000);
  looping.metrics.emitted_tokens = 100, looping.metrics.target_passes = 10;
  usual.metrics.emitted_tokens = 100, usual.metrics.target_passes = 50;
  usual.metrics.num_drafts = 40, usual.metrics.drafted_per_depth = {40}, usual.metrics.accepted_per_depth = {30};
  const DemoCell plain{"t", "none", {Timed(1000, 3000), Timed(1000, 3000), Timed(1000, 3000)}};
  const DemoLine line = MakeDemoLine({"t", "copy", {looping, usual, usual}}, plain);
  EXPECT_DOUBLE_EQ(line.mean_acceptance_length, 2);
  EXPECT_EQ(line.acceptance_per_position, std::vector<double>{0.75});
  EXPECT_EQ(line.pairs, 2);
}

TEST(DemoTable, OnePairIsNoMeasurement) {
  const DemoLine line = MakeDemoLine({"t", "copy", {Timed(500, 2000)}}, {"t", "none", {Timed(1000, 3000)}});
  EXPECT_EQ(line.pairs, 1);
  EXPECT_FALSE(ToJson(line).contains("decode_speedup"));
  EXPECT_NE(FormatDemoTable(std::vector{line}).find("| -  "), std::string::npos);
}

TEST(DemoTable, OneRunThatDoesNotLoopIsTooFewSoAllCount) {
  const DemoCell plain{"t", "none", {Timed(1000, 3000), Timed(1000, 3000)}};
  const DemoLine line = MakeDemoLine({"t", "copy", {Timed(500, 2000, true), Timed(250, 2000)}}, plain);
  EXPECT_EQ(line.pairs, 2);
  EXPECT_DOUBLE_EQ(line.decode.median, 3);
  EXPECT_NE(FormatDemoTable(std::vector{line}).find("1 of 2"), std::string::npos);
}

TEST(DemoTable, IntervalsOfMediansFollowTheBinomialLaw) {
  const auto interval = [](int n) {
    std::vector<double> ratios;
    for (int i = n; i > 0; --i) ratios.push_back(i);
    return IntervalOf(ratios);
  };
  EXPECT_DOUBLE_EQ(interval(5).low, 1) << "fewer than six: least and most";
  EXPECT_DOUBLE_EQ(interval(7).median, 4);
  EXPECT_DOUBLE_EQ(interval(7).low, 1);
  EXPECT_DOUBLE_EQ(interval(7).high, 7);
  EXPECT_DOUBLE_EQ(interval(20).low, 6) << "ranks 6 and 15 hold the median with 95.9 %";
  EXPECT_DOUBLE_EQ(interval(20).high, 15);
}

TEST(DemoTable, OneDifferenceIsTold) {
  const DemoCell plain{"t", "none", {Timed(1, 1), Timed(1, 1)}};
  const DemoLine line = MakeDemoLine({"t", "copy", {Timed(1, 1), Timed(1, 1, false, false)}}, plain);
  EXPECT_FALSE(line.identical);
  EXPECT_NE(FormatDemoTable(std::vector{line}).find("| NO "), std::string::npos);
}

TEST(Report, CountersSayWhyNothingWasProposedAndWhatWasChosen) {
  GenerationMetrics metrics;
  metrics.idle = {.no_candidate = 3, .would_not_pay = 2, .below_n_min = 1};
  const nlohmann::json alone = MetricsJson(metrics);
  EXPECT_EQ(alone["idle_rounds"].dump(), R"({"below_n_min":1,"no_candidate":3,"would_not_pay":2})");
  EXPECT_TRUE(alone["arms"].empty());
  metrics.arms = {
      {.name = "copy", .rounds = 5, .trials = 1, .drafted = 20, .accepted = 9, .idle = {.no_candidate = 7}}};
  EXPECT_EQ(MetricsJson(metrics)["arms"]["copy"].dump(),
            R"({"accepted_tokens":9,"draft_tokens":20,"idle_rounds":{"below_n_min":0,"no_candidate":7,)"
            R"("would_not_pay":0},"rounds":5,"trials":1})");
}

TEST(Report, AcceptanceLineIsLlamaCpps) {
  GenerationMetrics metrics;
  metrics.num_drafts = 87;
  metrics.num_draft_tokens = 259;
  metrics.num_accepted_tokens = 167;
  EXPECT_EQ(AcceptanceLine(metrics), "draft acceptance = 0.64479 (  167 accepted /   259 generated), mean len =  2.92");
}

}  // namespace
}  // namespace longshot
