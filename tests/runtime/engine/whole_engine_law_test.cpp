// labels: stat
// The real loop over lookup tables: the joint law of four generated tokens, the first of them plain, against its exact
// value.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/engine/engine.h"
#include "tests/runtime/engine/chi_square.h"
#include "tests/runtime/engine/table_drafter.h"
#include "tests/runtime/engine/table_target.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr int kTokens = 4;
constexpr int64_t kSequences = 400000;
constexpr double kMostZ = 4.5;
const std::vector<Token> kPrompt = {1, 2};

struct Case {
  std::string name;
  std::string rule;
  int vocab = 5;
  DraftStyle style = DraftStyle::kBest;
  std::vector<int> shape;
  SamplingConfig sampling = {.temperature = 1.0, .top_k = 0, .top_p = 1.0, .min_p = 0.0};
  bool stale_noise = false;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

int64_t CellOf(std::span<const Token> tokens, int vocab) {
  int64_t cell = 0;
  for (Token token : tokens) cell = cell * vocab + token;
  return cell;
}

/// Exact probability of every sequence of `kTokens`, by the same processors.
std::vector<double> ExactLaw(const Case& c, const TableTarget& target) {
  std::vector<double> law(static_cast<size_t>(std::pow(c.vocab, kTokens)), 0.0);
  const Sampler sampler(c.sampling);
  std::vector<Token> path;
  const auto descend = [&](auto&& self, double probability) -> void {
    if (std::ssize(path) == kTokens) {
      law[CellOf(path, c.vocab)] += probability;
      return;
    }
    std::vector<Token> text = kPrompt;
    text.insert(text.end(), path.begin(), path.end());
    Distribution row;
    sampler.Process(target.table().Row(text[text.size() - 2], text.back()), kPrompt, path, row);
    for (size_t i = 0; i < row.ids.size(); ++i) {
      path.push_back(row.ids[i]);
      self(self, probability * row.probabilities[i]);
      path.pop_back();
    }
  };
  descend(descend, 1.0);
  return law;
}

double MeasureZ(const Case& c, uint64_t first_seed, int64_t sequences) {
  TableTarget target({.vocab = c.vocab, .seed = 11});
  TableDrafter drafter({.style = c.style, .shape = c.shape, .stale_noise = c.stale_noise, .vocab = c.vocab});
  const auto rule = MakeVerifier(c.rule);
  Engine engine(&target, rule.get(), &drafter);
  GenerateRequest request;
  request.prompt = kPrompt;
  request.max_tokens = kTokens;
  request.sampling = c.sampling;
  request.draft.max_nodes = 8;
  request.draft.max_depth = 3;
  const std::vector<double> law = ExactLaw(c, target);
  std::vector<int64_t> counts(law.size());
  for (int64_t i = 0; i < sequences; ++i) {
    request.seed = first_seed + static_cast<uint64_t>(i);
    ++counts[CellOf(engine.Generate(request).tokens, c.vocab)];
  }
  return ChiSquareZ(counts, law);
}

class WholeEngineLaw : public testing::TestWithParam<Case> {};

TEST_P(WholeEngineLaw, IsTheTargetsOwn) {
  const double z = MeasureZ(GetParam(), 1000000, kSequences);
  if (z <= kMostZ) return;
  const double again = MeasureZ(GetParam(), 900000000, kSequences);
  EXPECT_LE(again, kMostZ) << GetParam().name << ": z was " << z << " with the first seeds";
}

const SamplingConfig kWarped = {.temperature = 0.8,
                                .top_k = 4,
                                .top_p = 0.95,
                                .min_p = 0.05,
                                .repeat_penalty = 1.3,
                                .presence_penalty = 0.2,
                                .frequency_penalty = 0.1};

INSTANTIATE_TEST_SUITE_P(
    Rules, WholeEngineLaw,
    testing::Values(
        Case{.name = "RejectionChain", .rule = "rejection", .style = DraftStyle::kNoReplacement, .shape = {1, 1, 1}},
        Case{.name = "RejectionTree", .rule = "rejection", .style = DraftStyle::kNoReplacement, .shape = {2, 2}},
        Case{.name = "RejectionTreeWithReplacement",
             .rule = "rejection",
             .vocab = 4,
             .style = DraftStyle::kReplacement,
             .shape = {3, 2}},
        Case{.name = "RejectionDeterministicTree",
             .rule = "rejection",
             .vocab = 6,
             .style = DraftStyle::kBest,
             .shape = {2, 2}},
        Case{.name = "RejectionMixedTree", .rule = "rejection", .style = DraftStyle::kMixed, .shape = {3, 1}},
        Case{.name = "RejectionWarped",
             .rule = "rejection",
             .style = DraftStyle::kNoReplacement,
             .shape = {2, 1, 1},
             .sampling = kWarped},
        Case{.name = "CoupledDeterministicTree", .rule = "coupled", .style = DraftStyle::kBest, .shape = {2, 2}},
        Case{.name = "CoupledDrafter", .rule = "coupled", .style = DraftStyle::kCoupled, .shape = {1, 1, 1}},
        Case{.name = "CoupledWarped",
             .rule = "coupled",
             .style = DraftStyle::kCoupled,
             .shape = {2, 1},
             .sampling = kWarped}),
    [](const auto& info) { return info.param.name; });

TEST(WholeEngineLaw, NoticesNoiseThatIsUsedAgainInEveryRound) {
  const Case stale{
      .name = "Stale", .rule = "rejection", .style = DraftStyle::kNoReplacement, .shape = {1}, .stale_noise = true};
  EXPECT_GT(MeasureZ(stale, 1000000, kSequences / 4), 3 * kMostZ);
}

TEST(WholeEngineLaw, NoticesAnotherLaw) {
  // The argmax of a law, verified by a rule that walks along the argmax: far from a sample.
  const Case greedy{.name = "Greedy", .rule = "greedy", .style = DraftStyle::kBest, .shape = {1}};
  EXPECT_GT(MeasureZ(greedy, 1, 10000), 10 * kMostZ);
}

TEST(ChiSquareZ, IsSmallForTheLawItselfAndInfiniteOutsideItsSupport) {
  const std::vector<double> law = {0.5, 0.25, 0.25, 0.0};
  EXPECT_LT(ChiSquareZ(std::vector<int64_t>{5010, 2480, 2510, 0}, law), 1.0);
  EXPECT_GT(ChiSquareZ(std::vector<int64_t>{5300, 2350, 2350, 0}, law), kMostZ);
  EXPECT_TRUE(std::isinf(ChiSquareZ(std::vector<int64_t>{5000, 2500, 2500, 1}, law)));
}

}  // namespace
}  // namespace longshot
