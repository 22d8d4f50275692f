// With the greedy and the coupled rule the output is a function of prompt and seed: no drafter, tree or limit
// shows.
#include <gtest/gtest.h>

#include "runtime/engine/engine.h"
#include "tests/runtime/engine/table_drafter.h"
#include "tests/runtime/engine/table_target.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr int kVocab = 6;
constexpr int kTokens = 24;

struct Setting {
  std::string rule;
  SamplingConfig sampling;
};

std::vector<Setting> Settings() {
  const SamplingConfig plain = {.temperature = 1.0, .top_k = 0, .top_p = 1.0, .min_p = 0.0};
  SamplingConfig greedy = plain, penalized = plain, defaults = {};
  greedy.temperature = 0;
  penalized.repeat_penalty = 1.5;
  penalized.presence_penalty = 0.7;
  penalized.frequency_penalty = 0.3;
  penalized.repeat_last_n = 5;
  SamplingConfig greedy_penalized = penalized;
  greedy_penalized.temperature = 0;
  return {{"greedy", greedy},    {"greedy", greedy_penalized}, {"coupled", greedy},   {"coupled", plain},
          {"coupled", defaults}, {"coupled", penalized},       {"rejection", greedy}, {"rejection", greedy_penalized}};
}

GenerateResult Generate(const Setting& setting, Drafter& drafter, uint64_t seed, int64_t max_nodes, int64_t max_rows) {
  TableTarget target({.vocab = kVocab, .seed = 5, .max_rows = max_rows});
  const auto rule = MakeVerifier(setting.rule);
  const std::vector<Token> prompt = {0, 3, 1, 2, 2};
  GenerateRequest request;
  request.prompt = prompt;
  request.max_tokens = kTokens;
  request.sampling = setting.sampling;
  request.seed = seed;
  request.draft.max_nodes = max_nodes;
  request.draft.max_depth = 4;
  GenerateResult result = Engine(&target, rule.get(), &drafter).Generate(request);
  EXPECT_EQ(target.open_sequences(), 0);
  // Invariant 1: everything but the last token has KV.
  std::vector<Token> text = prompt;
  text.insert(text.end(), result.tokens.begin(), result.tokens.end());
  text.pop_back();
  EXPECT_EQ(target.last_committed(), text);
  return result;
}

TEST(Coupling, EveryDrafterAndTreeGivesThePlainOutput) {
  const std::vector<std::vector<int>> shapes = {{1}, {1, 1, 1, 1}, {2, 2, 1}, {5, 1}, {3, 2, 2, 1}};
  const DraftStyle styles[] = {DraftStyle::kBest, DraftStyle::kCoupled, DraftStyle::kNoReplacement,
                               DraftStyle::kReplacement, DraftStyle::kMixed};
  int64_t accepted = 0;
  for (const Setting& setting : Settings()) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      SilentDrafter silent;
      const GenerateResult plain = Generate(setting, silent, seed, 0, 32);
      ASSERT_EQ(std::ssize(plain.tokens), kTokens);
      EXPECT_EQ(plain.metrics.target_passes, kTokens);
      for (const auto& shape : shapes) {
        for (const DraftStyle style : styles) {
          for (const auto& [max_nodes, max_rows] : {std::pair{12, 32}, {3, 32}, {12, 3}}) {
            TableDrafter drafter({.style = style, .shape = shape, .top_k = 2, .vocab = kVocab});
            const GenerateResult result = Generate(setting, drafter, seed, max_nodes, max_rows);
            ASSERT_EQ(result.tokens, plain.tokens)
                << setting.rule << " at temperature " << setting.sampling.temperature << ", seed " << seed << ", style "
                << static_cast<int>(style) << ", " << max_nodes << " nodes, " << max_rows << " rows";
            accepted += result.metrics.num_accepted_tokens;
          }
        }
      }
    }
  }
  EXPECT_GT(accepted, 5000) << "the drafts were never accepted, so nothing was compared";
}

TEST(Coupling, TheSeedDecides) {
  SilentDrafter silent;
  const Setting coupled = Settings()[3];
  const auto one = Generate(coupled, silent, 1, 0, 32).tokens;
  EXPECT_EQ(one, Generate(coupled, silent, 1, 0, 32).tokens);
  EXPECT_NE(one, Generate(coupled, silent, 2, 0, 32).tokens);
}

TEST(Coupling, TheTargetsSlotNumberDoesNotShow) {
  for (const char* name : {"coupled", "rejection"}) {
    TableTarget target({.vocab = kVocab, .seed = 5});
    TableDrafter drafter({.style = DraftStyle::kNoReplacement, .shape = {2, 2}, .vocab = kVocab});
    const auto rule = MakeVerifier(name);
    const std::vector<Token> prompt = {4, 1};
    GenerateRequest request;
    request.prompt = prompt;
    request.max_tokens = 20;
    request.draft.max_nodes = request.draft.max_depth = 6;
    Engine engine(&target, rule.get(), &drafter);
    const auto first = engine.Generate(request).tokens;
    EXPECT_EQ(first, engine.Generate(request).tokens) << name;
  }
}

TEST(Coupling, TheTargetsNoiseIsAcceptedMoreOftenThanTheDraftersBest) {
  // Both draw from the same law q; with the target's noise the draft agrees beyond the target's top
  // probability.
  const Setting hot = {"coupled", {.temperature = 1.0, .top_k = 0, .top_p = 1.0, .min_p = 0.0}};
  double accepted[2] = {};
  for (const DraftStyle style : {DraftStyle::kBest, DraftStyle::kCoupled}) {
    for (uint64_t seed = 0; seed < 400; ++seed) {
      TableDrafter drafter({.style = style, .shape = {1}, .seed = 5, .vocab = kVocab});
      accepted[style == DraftStyle::kCoupled] += Generate(hot, drafter, seed, 1, 32).metrics.DraftAcceptanceRate();
    }
  }
  EXPECT_GT(accepted[1], 1.1 * accepted[0]);
}

}  // namespace
}  // namespace longshot
