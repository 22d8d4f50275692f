// labels: stat
// Drafters that sample a law of their own, verified by rejection: the joint law of three generated tokens,
// through the real loop, against its exact value. What would show here: a token dropped for its probability,
// noise used twice, a depth chosen by a draw not yet made.
#include <gtest/gtest.h>

#include <cmath>

#include "drafters/registry.h"
#include "runtime/engine/engine.h"
#include "tests/runtime/engine/chi_square.h"
#include "tests/runtime/engine/table_target.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr int kVocab = 5, kTokens = 3;
constexpr int64_t kSequences = 200000;
constexpr double kMostZ = 4.5;
const std::vector<Token> kPrompt = {1, 2, 4};
const SamplingConfig kSampling = {.temperature = 1.0, .top_k = 0, .top_p = 1.0, .min_p = 0.0};

/// Exact probability of every sequence of three tokens.
std::vector<double> ExactLaw(const TableTarget& target) {
  const Sampler sampler(kSampling);
  std::vector<double> law;
  const auto next = [&](Token before, Token last) {
    Distribution row;
    sampler.Process(target.table().Row(before, last), {}, {}, row);
    return row;
  };
  const Token before = kPrompt[kPrompt.size() - 2], last = kPrompt.back();
  for (Token a = 0; a < kVocab; ++a) {
    for (Token b = 0; b < kVocab; ++b) {
      for (Token c = 0; c < kVocab; ++c) {
        const double first = next(before, last).Probability(a);
        const double second = first > 0 ? next(last, a).Probability(b) : 0;
        law.push_back(second > 0 ? first * second * next(a, b).Probability(c) : 0);
      }
    }
  }
  return law;
}

class SampledLaw : public testing::TestWithParam<std::string_view> {
 protected:
  /// Seed 5 has laws in which p_min splits the tokens: dropping the unlikely ones shows as z above 40.
  static double MeasureZ(std::string_view drafter_name, const ProposalConfig& proposal, uint64_t first_seed) {
    TableTarget target({.vocab = kVocab, .seed = 5});
    DrafterConfig config;
    config.type = drafter_name;
    config.proposal = proposal;
    config.window.draft_cost = 0.1;
    const auto drafter = MakeDrafter(config);
    const auto rule = MakeVerifier("rejection");
    Engine engine(&target, rule.get(), drafter.get());
    GenerateRequest request;
    request.prompt = kPrompt;
    request.max_tokens = kTokens;
    request.sampling = kSampling;
    request.draft.max_nodes = request.draft.max_depth = 3;
    request.draft.cost = PassCost(0.3);
    double now_ms = 0;
    request.now_ms = [&now_ms] { return now_ms += 1; };  // decisions by time repeat
    std::vector<int64_t> counts(kVocab * kVocab * kVocab);
    for (int64_t i = 0; i < kSequences; ++i) {
      request.seed = first_seed + static_cast<uint64_t>(i);
      const std::vector<Token> tokens = engine.Generate(request).tokens;
      ++counts[(tokens[0] * kVocab + tokens[1]) * kVocab + tokens[2]];
    }
    return ChiSquareZ(counts, ExactLaw(target));
  }
};

TEST_P(SampledLaw, IsTheTargetsOwnWhateverStopsTheChain) {
  for (const ProposalConfig& proposal : {ProposalConfig{}, ProposalConfig{.n_max = 0, .n_min = 0, .p_min = 0.6}}) {
    double z = MeasureZ(GetParam(), proposal, 1000000);
    if (z > kMostZ) z = MeasureZ(GetParam(), proposal, 900000000);
    EXPECT_LE(z, kMostZ) << GetParam() << ", p_min " << proposal.p_min;
  }
}

std::vector<std::string_view> Samplers() {
  std::vector<std::string_view> names;
  for (const DrafterEntry& entry : Drafters()) {
    if (entry.draws_own_law) names.push_back(entry.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, SampledLaw, testing::ValuesIn(Samplers()));

}  // namespace
}  // namespace longshot
