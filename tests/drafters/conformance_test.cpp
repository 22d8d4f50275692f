// What every drafter in the registry has to keep, over the real loop and a strict lookup-table target.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "drafters/registry.h"
#include "runtime/config/fields.h"
#include "runtime/engine/engine.h"
#include "tests/drafters/disturbed_target.h"
#include "tests/drafters/every_drafter.h"
#include "tests/runtime/engine/table_target.h"
#include "verifier/rules.h"

namespace longshot {

namespace {

/// One run, told in a failure so that it can be repeated.
struct Trial {
  std::string drafter = "none";
  std::string rule = "coupled";
  int vocab = 24;
  uint64_t seed = 1;
  int64_t max_tokens = 60;
  int64_t nodes = 12, depth = 6;
  double row_cost = 0.02;
  SamplingConfig sampling;
  DrafterConfig config;
};
void PrintTo(const Trial& run, std::ostream* out) {
  *out << run.drafter << ", rule " << run.rule << ", V " << run.vocab << ", seed " << run.seed << ", " << run.nodes
       << " nodes to depth " << run.depth << ", T " << run.sampling.temperature;
}

/// A prompt that repeats part of itself, as documents do.
std::vector<Token> Prompt(const Trial& run) {
  std::vector<Token> prompt;
  for (uint32_t i = 0; i < 40; ++i) {
    const double u = Uniform({.seed = run.seed, .index = i, .purpose = DrawPurpose::kTest});
    prompt.push_back(i >= 24 && i < 36 ? prompt[i - 20] : static_cast<Token>(u * run.vocab));
  }
  return prompt;
}

GenerateRequest Request(const Trial& run, const std::vector<Token>& prompt) {
  GenerateRequest request;
  request.prompt = prompt;
  request.max_tokens = run.max_tokens;
  request.sampling = run.sampling;
  request.seed = run.seed;
  request.draft.max_nodes = run.drafter == "none" ? 0 : run.nodes;
  request.draft.max_depth = run.drafter == "none" ? 0 : run.depth;
  request.draft.cost = PassCost(run.row_cost);
  return request;
}

std::unique_ptr<Drafter> Make(const Trial& run) {
  DrafterConfig config = run.config;
  config.type = run.drafter;
  if (config.window.draft_cost == 0) config.window.draft_cost = 0.1;
  config.rag.draft_cost = config.window.draft_cost;
  return MakeDrafter(config);
}

GenerateResult Generate(const Trial& run, Target& target, Drafter& drafter) {
  const auto rule = MakeVerifier(run.rule);
  const std::vector<Token> prompt = Prompt(run);
  GenerateRequest request = Request(run, prompt);
  const GivenSource given(target, request);
  double now_ms = 0;
  request.now_ms = [&now_ms] { return now_ms += 1; };  // decisions by time repeat
  return Engine(&target, rule.get(), &drafter).Generate(request);
}

GenerateResult Generate(const Trial& run) {
  TableTarget target({.vocab = run.vocab, .seed = run.seed, .max_context = 200, .max_rows = 48, .zero_share = 0.3});
  const auto drafter = Make(run);
  return Generate(run, target, *drafter);
}

class Conformance : public testing::TestWithParam<DrafterEntry> {
 protected:
  Trial For(uint64_t seed, double temperature) const {
    Trial run;
    run.drafter = GetParam().name;
    run.seed = seed;
    run.sampling.temperature = temperature;
    return run;
  }
  bool proposes() const { return GetParam().name != "none"; }
  static void ExpectPlainOutput(Trial run) {
    const GenerateResult drafted = Generate(run);
    const Trial told = run;
    run.drafter = "none";
    EXPECT_EQ(drafted.tokens, Generate(run).tokens) << testing::PrintToString(told);
  }
};

TEST_P(Conformance, OutputIsThatOfPlainDecodingForAnyBudget) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    for (double temperature : {0.0, 0.8, 1.5}) {
      Trial run = For(seed, temperature);
      run.vocab = seed % 2 == 0 ? 6 : 24;
      run.nodes = static_cast<int64_t>(1 + seed * 3 % 20);
      run.depth = static_cast<int64_t>(1 + seed % 7);
      run.row_cost = seed % 3 == 0 ? 0.2 : 0.001;
      ExpectPlainOutput(run);
    }
  }
}

TEST_P(Conformance, OutputIsThatOfPlainDecodingForAnyConfiguration) {
  std::vector<DrafterConfig> configs(7);
  configs[0].tree.shape = "4,6,2";
  configs[1].tree.mode = "off";
  configs[2].copy.min_match = 1;
  configs[3].window = {.recent = 1, .sink = 0, .draft_cost = 0.01};
  configs[4].proposal = {.n_max = 2, .n_min = 1, .p_min = 0.3};
  configs[5].proposal = {.n_max = 0, .n_min = 3, .p_min = 0.0};
  configs[6].tree.topk = 2;
  configs[6].tree.budget = 5;
  for (size_t i = 0; i < configs.size(); ++i) {
    for (double temperature : {0.0, 0.8}) {
      Trial run = For(40 + i, temperature);
      run.config = configs[i];
      ExpectPlainOutput(run);
    }
  }
}

TEST_P(Conformance, OutputIsThatOfPlainDecodingUnderPenalties) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Trial run = For(seed, seed % 2 == 0 ? 0.0 : 0.8);
    run.sampling.repeat_penalty = 1.4;
    run.sampling.presence_penalty = 0.3;
    run.sampling.frequency_penalty = 0.2;
    run.sampling.repeat_last_n = 9;
    ExpectPlainOutput(run);
  }
}

TEST_P(Conformance, GreedyAndRejectionRulesAgreeWithPlainDecodingAtTemperatureZero) {
  for (const char* rule : {"greedy", "rejection"}) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      Trial run = For(seed, 0.0);
      run.rule = rule;
      ExpectPlainOutput(run);
    }
  }
}

TEST_P(Conformance, TheContextMayEndInsideAProposal) {
  for (int64_t max_tokens : {1, 2, 3, 5, 17}) {
    Trial run = For(3, 0.0);
    run.max_tokens = max_tokens;
    ExpectPlainOutput(run);
  }
  Trial run = For(5, 0.8);
  run.max_tokens = -1;
  ExpectPlainOutput(run);
}

std::vector<int64_t> Counts(const GenerationMetrics& metrics) {
  return {metrics.emitted_tokens, metrics.target_passes, metrics.num_drafts, metrics.num_draft_tokens,
          metrics.num_accepted_tokens};
}

TEST_P(Conformance, TheSameRunProposesTheSame) {
  for (const char* rule : {"coupled", "rejection"}) {
    Trial run = For(7, 0.8);
    run.rule = rule;
    const GenerateResult once = Generate(run), twice = Generate(run);
    EXPECT_EQ(once.tokens, twice.tokens) << rule;
    EXPECT_EQ(Counts(once.metrics), Counts(twice.metrics)) << rule;
    EXPECT_EQ(once.metrics.accepted_per_depth, twice.metrics.accepted_per_depth) << rule;
  }
}

TEST_P(Conformance, AGenerationLeavesNothingBehindForTheNext) {
  const Trial run = For(7, 0.8);
  Trial other = For(8, 0.0);
  other.max_tokens = 90;
  TableTarget target({.vocab = run.vocab, .seed = 7, .max_context = 200, .max_rows = 48, .zero_share = 0.3});
  const auto drafter = Make(run);
  const GenerateResult first = Generate(run, target, *drafter);
  Generate(other, target, *drafter);
  const GenerateResult again = Generate(run, target, *drafter);
  EXPECT_EQ(first.tokens, again.tokens);
  EXPECT_EQ(Counts(first.metrics), Counts(again.metrics));
}

TEST_P(Conformance, ProposalsStayWithinTheBudget) {
  for (const auto& [nodes, depth] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {3, 2}, {2, 30}, {40, 8}}) {
    Trial run = For(9, 0.0);
    run.nodes = nodes;
    run.depth = depth;
    run.row_cost = 0.0001;
    const GenerationMetrics metrics = Generate(run).metrics;
    EXPECT_LE(std::ssize(metrics.drafted_per_depth), depth);
    EXPECT_LE(metrics.num_draft_tokens, metrics.num_drafts * nodes);
  }
}

TEST_P(Conformance, MetricsTellWhetherItEverProposed) {
  const GenerationMetrics metrics = Generate(For(2, 0.0)).metrics;
  EXPECT_EQ(metrics.num_drafts > 0, proposes());
  EXPECT_EQ(metrics.num_accepted_tokens > 0, proposes());
  EXPECT_EQ(metrics.MeanAcceptanceLength() > 1.0, proposes());
}

TEST_P(Conformance, RowsThatCostAsMuchAsPassesAreNotWasted) {
  Trial run = For(2, 1.5);
  run.row_cost = 1.0;
  run.config.window.draft_cost = 1.0;
  const GenerationMetrics metrics = Generate(run).metrics;
  EXPECT_LE(static_cast<double>(metrics.num_draft_tokens), 0.1 * static_cast<double>(metrics.target_passes));
}

TEST_P(Conformance, ConfigurationSurvivesTheRoundTrip) {
  DrafterConfig config;
  config.type = GetParam().name;
  config.proposal.n_max = 9;
  config.tree.shape = "3,2";
  config.window.sink = 5;
  config.copy.min_match = 4;
  const nlohmann::json written = ToJson(BindFields(config));
  DrafterConfig read;
  FromJson(written, BindFields(read));
  EXPECT_EQ(ToJson(BindFields(read)), written);
  EXPECT_EQ(MakeDrafter(read)->name(), GetParam().name);
}

/// Lets a drafter take the argmax of its law where it would draw with the target's noise.
class ArgmaxDrafts final : public Drafter {
 public:
  explicit ArgmaxDrafts(std::unique_ptr<Drafter> drafter) : drafter_(std::move(drafter)) {}
  std::string_view name() const override { return drafter_->name(); }
  Taps Needs() const override { return drafter_->Needs(); }
  void Begin(const DraftContext& context) override {
    DraftContext greedy = context;
    greedy.sampler = &sampler_;
    drafter_->Begin(greedy);
  }
  bool WantsStart(const DraftBudget& budget) override { return drafter_->WantsStart(budget); }
  void Start(std::span<const Token> history) override { drafter_->Start(history); }
  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) override {
    drafter_->Propose(history, budget, tree);
  }
  void Observe(const RoundView& round) override { drafter_->Observe(round); }

 private:
  std::unique_ptr<Drafter> drafter_;
  Sampler sampler_{{.temperature = 0}};
};

TEST_P(Conformance, CoupledDrawsAreAcceptedMoreOftenThanArgmaxDrafts) {
  if (!GetParam().draws_own_law) GTEST_SKIP() << GetParam().name << " has no law of its own";
  Trial run = For(4, 1.0);
  run.sampling = {.temperature = 1.0, .top_k = 0, .top_p = 1.0, .min_p = 0.0};
  run.max_tokens = 2000;
  run.nodes = run.depth = 3;
  run.config.proposal.n_min = 3;
  const DisturbedTarget::Options options{.vocab = 24, .sharpness = 1.5, .disturbance = 0.3};
  DisturbedTarget target(options);
  const auto coupled = Make(run);
  ArgmaxDrafts argmax(Make(run));
  const GenerateResult with_noise = Generate(run, target, *coupled);
  const GenerateResult without = Generate(run, target, argmax);
  EXPECT_EQ(with_noise.tokens, without.tokens);
  const double coupled_rate = with_noise.metrics.AcceptancePerPosition()[0];
  const double argmax_rate = without.metrics.AcceptancePerPosition()[0];
  RecordProperty("coupled_acceptance", std::to_string(coupled_rate));
  RecordProperty("argmax_acceptance", std::to_string(argmax_rate));
  EXPECT_GT(coupled_rate, argmax_rate + 0.1);
}

/// Lists keep what single drafters keep; their settings are those of `auto`.
std::vector<DrafterEntry> Lists() {
  std::vector<DrafterEntry> lists;
  for (const char* list : {"copy,window", "window,token-recycling", "copy,token-recycling"}) {
    lists.push_back(FindDrafter("auto"));
    lists.back().name = list;
    lists.back().draws_own_law = false;
  }
  return lists;
}

INSTANTIATE_TEST_SUITE_P(Registry, Conformance, EveryDrafter(), DrafterTestName);
INSTANTIATE_TEST_SUITE_P(Lists, Conformance, testing::ValuesIn(Lists()), DrafterTestName);

}  // namespace
}  // namespace longshot
