// The choice among drafters, with scripted acceptance and times: nothing here reads a clock.
#include "drafters/auto/auto.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "drafters/registry.h"
#include "runtime/engine/engine.h"
#include "tests/drafters/auto/scripted_arms.h"
#include "tests/runtime/engine/table_target.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr double kRowMs = 7;
constexpr double kModelCost = 0.3;
constexpr int64_t kDepth = 4;

/// Rounds of an `AutoDrafter` over three scripted arms: two look-ups, one that runs the model.
class World {
 public:
  World() {
    std::vector<std::unique_ptr<Drafter>> arms;
    for (size_t i = 0; i < acceptance.size(); ++i) {
      const bool model = i + 1 == acceptance.size();
      arms.push_back(std::make_unique<ScriptedArm>(ScriptedArm::Options{.name = model    ? "model"
                                                                                : i == 0 ? "one"
                                                                                         : "two",
                                                                        .depth = kDepth,
                                                                        .draft_cost = model ? kModelCost : 0,
                                                                        .seed = i + 1},
                                                   &acceptance[i]));
    }
    drafter = std::make_unique<AutoDrafter>("auto", std::move(arms));
    drafter->Begin({});
    history.push_back(TrueToken(0));
  }

  /// Runs rounds; returns tokens per single-row pass.
  double Run(int64_t rounds) {
    double tokens = 0, cost = 0;
    for (int64_t i = 0; i < rounds; ++i) {
      const auto [emitted, spent] = Round();
      tokens += static_cast<double>(emitted);
      cost += spent;
    }
    return tokens / cost;
  }

  std::array<double, 3> acceptance{0.05, 0.05, 0.05};
  PassCost truth = PassCost::Parse("2:1.05,5:1.2,16:2");  ///< what passes take
  PassCost probed = truth;
  std::unique_ptr<AutoDrafter> drafter;
  std::vector<Token> history;

 private:
  std::pair<int64_t, double> Round() {
    const DraftBudget budget{.max_nodes = 15, .max_depth = 15, .round = round_++, .cost = probed};
    TokenTree tree(history.back());
    const auto before = RoundsOf("model");
    drafter->Propose(history, budget, tree);
    const bool model = RoundsOf("model") > before;
    const double draft = model ? kModelCost * static_cast<double>(tree.size() - 1) : 0;
    std::vector<NodeId> path{0};
    while (true) {
      const Token next = TrueToken(std::ssize(history));
      history.push_back(next);
      const NodeId child = tree.FindChild(path.back(), next);
      if (child < 0) break;
      path.push_back(child);
    }
    drafter->Observe({.tree = &tree,
                      .path = path,
                      .emitted = std::span(history).last(path.size()),
                      .draft_ms = draft * kRowMs,
                      .pass_ms = truth(tree.size()) * kRowMs});
    return {std::ssize(path), truth(tree.size()) + draft};
  }
  int64_t RoundsOf(std::string_view name) const {
    for (const ArmRounds& arm : drafter->arms()) {
      if (arm.name == name) return arm.rounds;
    }
    return 0;
  }
  uint32_t round_ = 0;
};

/// Tokens per single-row pass of one arm alone; 1 for plain decoding.
double BestRate(const World& world) {
  double best = 1;
  for (size_t i = 0; i < world.acceptance.size(); ++i) {
    const double draft = i + 1 == world.acceptance.size() ? kModelCost * kDepth : 0;
    double tokens = 1, survival = 1;
    for (int64_t n = 0; n < kDepth; ++n) tokens += survival *= world.acceptance[i];
    best = std::max(best, tokens / (world.truth(1 + kDepth) + draft));
  }
  return best;
}

TEST(Auto, FollowsTheBestArmWithin64RoundsOfEveryChange) {
  World world;
  const std::vector<std::array<double, 3>> regimes{{0.9, 0.1, 0.2},    {0.05, 0.05, 0.1},  {0.02, 0.05, 0.97},
                                                   {0.1, 0.85, 0.1},   {0.02, 0.02, 0.02}, {0.05, 0.95, 0.9},
                                                   {0.05, 0.05, 0.95}, {0.3, 0.05, 0.3}};
  for (size_t i = 0; i < regimes.size(); ++i) {
    world.acceptance = regimes[i];
    world.Run(64);
    EXPECT_GE(world.Run(1500), 0.95 * BestRate(world)) << "regime " << i;
  }
}

TEST(Auto, DecodesPlainlyWhenAllLoseAndSaysWhy) {
  World world;
  world.acceptance = {0.01, 0.02, 0.02};
  world.Run(64);
  EXPECT_GT(world.Run(2000), 0.985) << "trials are rare and short";
  int64_t drafted_rounds = 0, trials = 0;
  for (const ArmRounds& arm : world.drafter->arms()) {
    drafted_rounds += arm.rounds;
    trials += arm.trials;
  }
  EXPECT_GT(trials, 20) << "a change would be noticed";
  EXPECT_EQ(world.drafter->idle().would_not_pay, 2064 - drafted_rounds);
  EXPECT_EQ(world.drafter->idle().no_candidate, 0);
}

TEST(Auto, AModelThatCannotPayIsNeverRun) {
  World world;
  world.acceptance = {0.01, 0.01, 1.0};
  world.truth = world.probed = PassCost::Parse("2:1.9,16:15");
  world.Run(500);
  EXPECT_EQ(world.drafter->arms()[2].rounds, 0);
  EXPECT_EQ(world.history.size(), 501u);
}

TEST(Auto, PassesThatTakeLongerThanProbedAreNoticed) {
  World world;
  world.acceptance = {0.5, 0.02, 0.02};
  EXPECT_GT(world.Run(300), 1.4) << "one token more for a fifth of a pass";
  world.truth = PassCost::Parse("2:2,5:5,16:16");
  world.Run(64);
  EXPECT_GT(world.Run(1000), 0.95) << "the same offers lose now";
}

TEST(Auto, WantsTopTokensOfRoundsButNotOfThePrompt) {
  DrafterConfig config;
  config.type = "token-recycling";
  const Taps alone = MakeDrafter(config)->Needs();
  config.type = "auto";
  const Taps all = MakeDrafter(config)->Needs();
  EXPECT_GT(alone.prefill_rows, 0);
  EXPECT_EQ(all.prefill_rows, 0);
  EXPECT_EQ(all.top_k, alone.top_k);
}

TEST(Auto, EveryArmObservesEveryRound) {
  std::vector<std::unique_ptr<Drafter>> arms;
  const double never = 0;
  std::vector<ScriptedArm*> seen;
  for (const char* name : {"one", "two"}) {
    auto arm = std::make_unique<ScriptedArm>(ScriptedArm::Options{.name = name}, &never);
    seen.push_back(arm.get());
    arms.push_back(std::move(arm));
  }
  AutoDrafter drafter("one,two", std::move(arms));
  drafter.Begin({});
  const std::vector<NodeId> path{0};
  const std::vector<Token> emitted{3};
  const TokenTree tree(1);
  for (int i = 0; i < 5; ++i) drafter.Observe({.tree = &tree, .path = path, .emitted = emitted, .pass_ms = 1});
  for (const ScriptedArm* arm : seen) EXPECT_EQ(arm->observed, 5);
  EXPECT_EQ(drafter.name(), "one,two");
  EXPECT_EQ(drafter.idle().total(), 0) << "it was never asked";
}

/// The round, of 1500, before which an arm that has to read a text first is begun; -1: never. Beside it stands one that
/// is accepted with chance `other`; the answer has `remaining` tokens left, however many come.
int64_t RoundOfStart(double start_cost, double other, int64_t remaining) {
  const double rag_acceptance = 0.9;
  auto rag = std::make_unique<ScriptedArm>(
      ScriptedArm::Options{.name = "rag", .draft_cost = 0.2, .start_cost = start_cost}, &rag_acceptance);
  ScriptedArm* watched = rag.get();
  std::vector<std::unique_ptr<Drafter>> arms;
  arms.push_back(std::make_unique<ScriptedArm>(ScriptedArm::Options{.name = "copy", .seed = 2}, &other));
  arms.push_back(std::move(rag));
  AutoDrafter drafter("auto", std::move(arms));
  drafter.Begin({});
  const PassCost cost = PassCost::Parse("2:1.05,5:1.2,16:2");
  std::vector<Token> history{TrueToken(0)};
  for (uint32_t round = 0; round < 1500; ++round) {
    const DraftBudget budget{.max_nodes = 15, .max_depth = 15, .round = round, .remaining = remaining, .cost = cost};
    if (drafter.WantsStart(budget)) {
      drafter.Start(history);
      EXPECT_TRUE(watched->started);
      return round;
    }
    TokenTree tree(history.back());
    drafter.Propose(history, budget, tree);
    EXPECT_EQ(drafter.arms()[1].rounds, 0) << "it has not begun";
    std::vector<NodeId> path{0};
    for (NodeId child = 0; child >= 0;) {
      history.push_back(TrueToken(std::ssize(history)));
      child = tree.FindChild(path.back(), history.back());
      if (child >= 0) path.push_back(child);
    }
    drafter.Observe({.tree = &tree,
                     .path = path,
                     .emitted = std::span(history).last(path.size()),
                     .pass_ms = cost(tree.size()) * kRowMs});
  }
  return -1;
}

TEST(Auto, ATextIsReadWhereItPaysAndLittleCanBeLost) {
  const int64_t cheap = RoundOfStart(0.1, 0.05, 2000), usual = RoundOfStart(15, 0.05, 2000);
  EXPECT_GE(cheap, 16) << "once the pace is known";
  EXPECT_LE(cheap, 20);
  EXPECT_GE(usual, 400) << "3 % of what the answer has taken";
  EXPECT_LE(usual, 520);
  EXPECT_EQ(RoundOfStart(15, 0.05, 30), -1) << "too little is left";
  EXPECT_EQ(RoundOfStart(0.1, 0.97, 2000), -1) << "what is there is as good";
  EXPECT_EQ(RoundOfStart(60, 0.05, 4000), -1) << "too much could be lost";
}

/// Runs the real loop with a clock that jumps at random, so that the choices are random too.
GenerateResult GenerateByRandomClock(const std::string& type, std::string_view rule, double temperature,
                                     uint64_t clock_seed) {
  TableTarget target({.vocab = 24, .seed = 5, .max_context = 400, .max_rows = 48, .zero_share = 0.3});
  DrafterConfig config;
  config.type = type;
  config.copy.min_match = 1;
  config.window = {.recent = 40, .sink = 4, .draft_cost = 0.1};
  const auto drafter = MakeDrafter(config);
  const auto verifier = MakeVerifier(rule);
  std::vector<Token> prompt(40);
  std::iota(prompt.begin(), prompt.begin() + 20, 0);
  std::iota(prompt.begin() + 20, prompt.end(), 0);
  GenerateRequest request;
  request.prompt = prompt;
  request.max_tokens = 200;
  request.sampling.temperature = temperature;
  request.seed = 3;
  request.draft.max_nodes = type == "none" ? 0 : 12;
  request.draft.max_depth = type == "none" ? 0 : 6;
  request.draft.cost = PassCost::Parse("2:1.1,8:1.5,16:3");
  double now = 0;
  uint32_t calls = 0;
  request.now_ms = [&] {
    const double u = Uniform({.seed = clock_seed, .round = calls++, .purpose = DrawPurpose::kTest});
    return now += 100 * u * u * u;
  };
  return Engine(&target, verifier.get(), drafter.get()).Generate(request);
}

TEST(Auto, RandomChoicesGiveTheTextOfPlainDecoding) {
  std::map<std::string, int64_t> taken;
  std::vector<int64_t> passes;
  for (const double temperature : {0.0, 0.9}) {
    for (const char* rule : {"coupled", "greedy", "rejection"}) {
      if (temperature > 0 && std::string_view(rule) != "coupled") continue;
      const std::vector<Token> plain = GenerateByRandomClock("none", rule, temperature, 0).tokens;
      ASSERT_EQ(plain.size(), 200u);
      for (const char* type : {"auto", "copy,window", "token-recycling,window", "copy,token-recycling"}) {
        for (uint64_t clock_seed = 1; clock_seed <= 12; ++clock_seed) {
          const GenerateResult result = GenerateByRandomClock(type, rule, temperature, clock_seed);
          ASSERT_EQ(result.tokens, plain)
              << type << ", rule " << rule << ", T " << temperature << ", clock seed " << clock_seed;
          for (const ArmRounds& arm : result.metrics.arms) taken[std::string(arm.name)] += arm.rounds;
          taken["none"] += result.metrics.idle.total();
          if (std::string_view(type) == "auto") passes.push_back(result.metrics.target_passes);
        }
      }
    }
  }
  for (const char* name : {"copy", "token-recycling", "window", "none"}) EXPECT_GT(taken[name], 20) << name;
  std::sort(passes.begin(), passes.end());
  EXPECT_LT(passes.front(), passes.back()) << "the clock changed nothing, so nothing was compared";
}

}  // namespace
}  // namespace longshot
