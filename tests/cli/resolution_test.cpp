// What is decided before the work begins: context, its extension, the cap of a proposal, the place of the
// report.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "session/draft_plan.h"
#include "session/memory_table.h"
#include "session/output.h"
#include "session/session.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "runtime/config/fields.h"
#include "runtime/engine/model_target.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

std::string MessageOf(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

ModelConfig Config() {
  ModelConfig config;
  config.context = 8192;
  return config;
}

TEST(Context, IsWhatTheRequestNeedsOrWhatWasAsked) {
  EXPECT_EQ(ResolveContext(Config(), 0, 100, 150), 150);
  EXPECT_EQ(ResolveContext(Config(), 0, 100, -1), 8192);
  EXPECT_EQ(ResolveContext(Config(), 4096, 100, 150), 4096);
  EXPECT_EQ(ResolveContext(Config(), 0, 8191, -1), 8192);
}

TEST(Context, OverflowNamesTheCure) {
  EXPECT_EQ(MessageOf([] { ResolveContext(Config(), 0, 9000, 9100); }),
            "the request needs 9100 tokens (9000 of prompt), but the context holds 8192: shorten the document or "
            "-n, extend the context with --rope-scaling yarn -c 9100, or have the model read what retrieval finds, "
            "--context retrieved");
  EXPECT_EQ(MessageOf([] { ResolveContext(Config(), 1000, 1000, -1); }),
            "the request needs 1001 tokens (1000 of prompt), but the context holds 1000: raise -c to at least "
            "1001");
  EXPECT_EQ(MessageOf([] { ResolveContext(Config(), 9000, 10, 20); }),
            "-c 9000: the model's context is 8192 tokens; ask for less, or extend it with --rope-scaling yarn");
}

TEST(Context, NoExtensionBeyondFourTimesIsAdvised) {
  EXPECT_EQ(MessageOf([] { ResolveContext(Config(), 0, 32768, 32769); }),
            "the request needs 32769 tokens (32768 of prompt), but the context holds 8192: shorten the document, "
            "or have the model read what retrieval finds, --context retrieved; more than 4 times the context is out of "
            "reach of --rope-scaling");
  EXPECT_NE(MessageOf([] { ResolveContext(Config(), 0, 32767, 32768); }).find("--rope-scaling yarn -c 32768"),
            std::string::npos);
  EXPECT_EQ(MessageOf([] { RequireContext(Config(), 32769, "-d 32768"); }),
            "-d 32768: the model's context is 8192 tokens; ask for less: more than 4 times it is out of reach of "
            "--rope-scaling too");
  ModelConfig extended = Config();
  extended.rope.scaling = RopeScaling::kYarn;
  extended.rope.original_context = 8192;
  extended.context = 16384;
  EXPECT_EQ(MessageOf([&] { RequireContext(extended, 32769, "-c 32769"); }).find("rope-scaling yarn"),
            std::string::npos);
}

TEST(Context, RopeScalingExtendsIt) {
  RuntimeOptions options;
  options.rope_scaling = "yarn";
  const ModelConfig by_length = ExtendContext(Config(), options, 16384);
  EXPECT_EQ(by_length.context, 16384);
  EXPECT_EQ(by_length.rope.scaling, RopeScaling::kYarn);
  EXPECT_EQ(by_length.rope.factor, 2.0f);
  EXPECT_EQ(by_length.rope.original_context, 8192);
  options.rope_scale = 4;
  EXPECT_EQ(ExtendContext(Config(), options, 0).context, 32768);
  options.rope_scale = 0;
  EXPECT_NE(MessageOf([&] { ExtendContext(Config(), options, 0); }).find("give --ctx-size or --rope-scale"),
            std::string::npos);
}

PassTimer LinearTimer(double first_ms, double row_ms) {
  PassTimer timer;
  timer.verification_ms = [=](int rows) { return first_ms + row_ms * (rows - 1); };
  timer.draft_ms = timer.own_ms = [=] { return first_ms / 2; };
  timer.read_ms = [=] { return row_ms; };
  timer.max_rows = 128;
  timer.timed_rows = kMostTimedRows;
  return timer;
}

TEST(DraftPlan, PlainDecodingMeasuresNothing) {
  DrafterConfig config;
  config.type = "none";
  PassTimer timer = LinearTimer(1, 1);
  timer.verification_ms = [](int) -> double { throw Error(ErrorCode::kIo, "measured"); };
  EXPECT_EQ(ResolveDraft(config, timer).limits, (DraftLimits{0, 0}));
}

TEST(DraftPlan, CapFollowsTheCostAndIsStored) {
  DrafterConfig cheap, dear;
  EXPECT_GT(ResolveDraft(cheap, LinearTimer(10, 0.01)).limits.max_nodes, 8);
  EXPECT_EQ(ResolveDraft(dear, LinearTimer(10, 20)).limits.max_nodes, 1) << "at least 1";
  EXPECT_EQ(dear.proposal.n_max, 1);
}

TEST(DraftPlan, ExplicitLimitsOverrideTheCap) {
  DrafterConfig count, shape, window;
  count.proposal.n_max = 12;
  EXPECT_EQ(ResolveDraft(count, LinearTimer(10, 20)).limits, (DraftLimits{12, 12}));
  shape.tree.shape = "4,8,8";
  EXPECT_EQ(ResolveDraft(shape, LinearTimer(10, 20)).limits, (DraftLimits{20, 3}));
  window.type = "window";
  ResolveDraft(window, LinearTimer(10, 1));
  EXPECT_DOUBLE_EQ(window.window.draft_cost, 0.5);
}

TEST(DraftPlan, LimitsBeyondOnePassNameTheFlagThatWasGiven) {
  DrafterConfig count, shape;
  count.proposal.n_max = 128;
  EXPECT_EQ(MessageOf([&] { ResolveDraft(count, LinearTimer(1, 1)); }),
            "--spec-draft-n-max asks for proposals of 128 tokens: one pass verifies at most 127; lower it");
  shape.tree.shape = "4,60,64";
  EXPECT_EQ(MessageOf([&] { ResolveDraft(shape, LinearTimer(1, 1)); }),
            "--spec-tree-shape 4,60,64 asks for proposals of 128 tokens: one pass verifies at most 127; "
            "name fewer or smaller levels");
}

TEST(DraftPlan, AShortContextBoundsWhatIsTimedNotWhatMayBeAsked) {
  PassTimer timer = LinearTimer(10, 0.01);
  timer.timed_rows = 9;
  timer.verification_ms = [](int rows) {
    EXPECT_LE(rows, 9);
    return 10 + 0.01 * rows;
  };
  DrafterConfig config;
  config.proposal.n_max = 16;
  EXPECT_EQ(ResolveDraft(config, timer).limits, (DraftLimits{16, 16}));
  timer.timed_rows = 1;
  DrafterConfig open;
  EXPECT_EQ(ResolveDraft(open, timer).limits, (DraftLimits{1, 1})) << "nothing but plain passes was timed";
}

/// The example that the help text gives.
TEST(DraftPlan, TheHelpsOwnTreeShapeFitsTheDefaultPass) {
  DrafterConfig config;
  config.type = "token-recycling";
  std::string example;
  for (const BoundField& bound : BindFields(config)) {
    if (bound.field.name != "tree_shape") continue;
    const std::string help(bound.field.help);
    const size_t from = help.find("such as ") + 8;
    example = help.substr(from, help.find(';') - from);
  }
  ASSERT_EQ(example, "4,16,16,16,16");
  config.tree.shape = example;
  PassTimer timer = LinearTimer(10, 0.1);
  timer.max_rows = static_cast<int>(ModelTargetOptions().max_rows);
  EXPECT_EQ(ResolveDraft(config, timer).limits, (DraftLimits{68, 5}));
}

TEST(DraftPlan, AResolvedConfigGivesTheSamePlanWithoutAClock) {
  PassTimer no_clock = LinearTimer(1, 1);
  no_clock.verification_ms = [](int) -> double { throw Error(ErrorCode::kIo, "timed a pass"); };
  no_clock.draft_ms = []() -> double { throw Error(ErrorCode::kIo, "timed a draft pass"); };
  for (const DrafterEntry& entry : Drafters()) {
    for (const char* shape : {"", "4,4,2"}) {
      for (int64_t n_max : {0, 6}) {
        DrafterConfig config;
        config.type = entry.name;
        config.tree.shape = shape;
        config.proposal.n_max = n_max;
        const DraftPlan measured = ResolveDraft(config, LinearTimer(10, 0.37));
        const auto before = ToJson(BindFields(config));
        const DraftPlan again = ResolveDraft(config, no_clock);
        SCOPED_TRACE(fmt::format("{} shape {} n_max {}", entry.name, shape, n_max));
        EXPECT_EQ(again.limits, measured.limits);
        EXPECT_EQ(again.cost, measured.cost);
        EXPECT_EQ(ToJson(BindFields(config)), before);
        EXPECT_TRUE(again.verification_ms.empty());
      }
    }
  }
}

TEST(DraftPlan, GivenCostAndDepthAreTakenAsTheyAre) {
  DrafterConfig config;
  config.proposal.pass_cost = "2:1.125,9:4";
  config.proposal.max_depth = 3;
  const DraftPlan plan = ResolveDraft(config, LinearTimer(10, 0.01));
  EXPECT_EQ(plan.cost(2), 1.125);
  EXPECT_EQ(plan.cost(9), 4);
  EXPECT_EQ(plan.limits.max_depth, 3);
  EXPECT_GT(plan.limits.max_nodes, 8);
}

TEST(DraftPlan, ARowThatCostsNothingMeasurableIsStoredAsMeasured) {
  DrafterConfig config;
  ResolveDraft(config, LinearTimer(10, 0));
  EXPECT_EQ(config.proposal.pass_cost, "2:1,6:1,16:1,17:1,32:1");
}

TEST(DraftPlan, TheCurveKnowsThatASecondRowIsCheaperThanTheNext) {
  DrafterConfig config;
  PassTimer timer = LinearTimer(10, 0);
  timer.verification_ms = [](int rows) { return rows == 1 ? 10.0 : 8.0 + 4 * (rows - 1); };
  EXPECT_EQ(ResolveDraft(config, timer).cost(2), 1.2);
}

TEST(DraftPlan, PassesThatCannotPayAreNotTimed) {
  DrafterConfig config;
  std::vector<int> timed;
  PassTimer timer = LinearTimer(10, 0);
  timer.verification_ms = [&](int rows) {
    timed.push_back(rows);
    return 10.0 + rows;
  };
  EXPECT_EQ(ResolveDraft(config, timer).limits.max_nodes, 15);
  EXPECT_EQ(timed, (std::vector{1, 2, 6, 16}));
}

TEST(DraftPlan, WhereRowsAreDearTheLineIsContinued) {
  DrafterConfig config;
  std::vector<int> timed;
  PassTimer timer = LinearTimer(10, 0);
  timer.verification_ms = [&](int rows) {
    timed.push_back(rows);
    return rows == 1 ? 10.0 : 12 + 3.0 * (rows - 2);
  };
  const DraftPlan plan = ResolveDraft(config, timer);
  EXPECT_EQ(timed, (std::vector{1, 2, 6}));
  EXPECT_EQ(plan.cost(16), 5.4);
  EXPECT_GT(plan.limits.max_nodes, 5) << "copies may be longer than what was timed";
}

TEST(DraftPlan, TheCurveKeepsTheStepOfATile) {
  DrafterConfig config;
  PassTimer timer = LinearTimer(10, 0);
  timer.verification_ms = [](int rows) { return rows <= 16 ? 10.0 : 20.0; };
  const DraftPlan plan = ResolveDraft(config, timer);
  EXPECT_EQ(plan.cost(16), 1);
  EXPECT_EQ(plan.cost(17), 2);
}

TEST(DraftPlan, AListMeasuresWhatItsDraftersNeed) {
  DrafterConfig look_ups, with_model;
  look_ups.type = "copy,token-recycling";
  PassTimer timer = LinearTimer(10, 0.1);
  timer.draft_ms = []() -> double { throw Error(ErrorCode::kIo, "timed a draft pass"); };
  EXPECT_GT(ResolveDraft(look_ups, timer).limits.max_nodes, 8);
  with_model.type = "auto";
  const DraftPlan plan = ResolveDraft(with_model, LinearTimer(10, 0.1));
  EXPECT_DOUBLE_EQ(with_model.window.draft_cost, 0.5);
  EXPECT_EQ(plan.limits.max_depth, plan.limits.max_nodes) << "look-ups may go deeper than drafting by the model pays";
}

TEST(MemoryTable, RefusesWhatDoesNotFit) {
  const MemoryTable table{.weights = 300'000'000, .target_kv = 189'000'000, .draft = 0, .scratch = 11'000'000};
  EXPECT_EQ(table.Line(),
            "memory: weights 300.0 MB, target KV 189.0 MB, draft 0.0 MB, scratch 11.0 MB, total 500.0 MB");
  EXPECT_EQ(MessageOf([&] { table.Require(500'000'000); }), "no error");
  EXPECT_NE(MessageOf([&] { table.Require(499'999'999); }).find("the run needs 500.0 MB"), std::string::npos);
}

TEST(ResultFile, LeavesNothingUntilItIsWritten) {
  const TemporaryFolder folder;
  const std::string path = folder / "report.json";
  const ResultFile file(path);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  file.Write("{}\n");
  EXPECT_EQ(ReadFile(path), "{}\n");
  EXPECT_FALSE(ResultFile("").wanted());
}

}  // namespace
}  // namespace longshot
