// labels: unit
// The rule rapid against the law of one position as the specification states it, by enumeration of all outcomes.
#include "verifier/rapid.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/verifier/enumeration.h"

namespace longshot {
namespace {

using Law = std::vector<double>;

Distribution ToDistribution(const Law& law) {
  Distribution result;
  for (size_t i = 0; i < law.size(); ++i) {
    if (law[i] <= 0) continue;
    result.ids.push_back(static_cast<Token>(i));
    result.probabilities.push_back(law[i]);
    result.log_weights.push_back(std::log(law[i]));
  }
  return result;
}

/// The same law after every node.
class SameLaw final : public TargetRows {
 public:
  explicit SameLaw(const Law& law) : law_(ToDistribution(law)) {}
  const Distribution& At(NodeId) override { return law_; }
  int64_t NextPosition(NodeId node) const override { return node; }

 private:
  Distribution law_;
};

/// What one drafted position emits.
struct Outcome {
  Law out;
  double accepted = 0;
  double shift = 0;
};
Outcome LawOf(const RapidRule& rule, const Law& p, const Law& q) {
  Outcome outcome{.out = Law(p.size(), 0)};
  DraftLaw draft;
  for (size_t i = 0; i < q.size(); ++i) {
    if (q[i] <= 0) continue;
    draft.ids.push_back(static_cast<Token>(i)), draft.probabilities.push_back(static_cast<float>(q[i]));
  }
  for (const Token drafted : draft.ids) {
    EnumeratingRandom random;
    do {
      TokenTree tree(0);
      tree.SetLaw(0, draft);
      const NodeId child = tree.Add(0, drafted, ProposalKind::kSampledNoReplacement);
      SameLaw rows(p);
      Verdict verdict;
      rule.Verify(tree, rows, {}, random, verdict);
      const double weight = random.weight() * q[static_cast<size_t>(drafted)];
      const bool taken = verdict.path.back() == child;
      outcome.accepted += taken ? weight : 0;
      outcome.out[static_cast<size_t>(taken ? drafted : verdict.next)] += weight;
      outcome.shift = verdict.shift;
    } while (random.Advance());
  }
  return outcome;
}

const Law kTarget = {.5, .3, .15, .05}, kDraft = {.2, .6, .15, .05};

void ExpectNear(const Law& actual, const Law& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 2e-6) << i;
}

TEST(Rapid, GoldenVectors) {
  const Outcome strong = LawOf(RapidRule(10, MarginGuard::kDraft, false), kTarget, kDraft);
  EXPECT_NEAR(strong.accepted, .635980, 2e-6);
  ExpectNear(strong.out, {.275903, .6, .093073, .031024});
  EXPECT_NEAR(strong.shift, .3, 2e-6);
  const Outcome mild = LawOf(RapidRule(5, MarginGuard::kDraft, false), kTarget, kDraft);
  EXPECT_NEAR(mild.accepted, .788135, 2e-6);
  ExpectNear(mild.out, {.246437, .6, .115172, .038391});
}

TEST(Rapid, WithoutMarginItIsSpeculativeSampling) {
  for (const MarginGuard guard : {MarginGuard::kDraft, MarginGuard::kEnriched}) {
    const RapidRule rule(0, guard, false);
    const Outcome outcome = LawOf(rule, kTarget, kDraft);
    EXPECT_NEAR(outcome.accepted, .7, 2e-6);
    ExpectNear(outcome.out, kTarget);
    EXPECT_NEAR(outcome.shift, 0, 2e-7);
    EXPECT_EQ(rule.exactness(), Exactness::kDistribution);
  }
  EXPECT_EQ(RapidRule(0.1, MarginGuard::kDraft, false).exactness(), Exactness::kChangesModel);
}

/// The law as the specification writes it, in doubles.
Law OracleLaw(const Law& p, const Law& q, double eta, double& distance) {
  const double plausible = 0.1 * *std::max_element(q.begin(), q.end());
  Law enriched(p.size());
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    sum += enriched[i] = p[i] * (q[i] >= plausible ? std::exp(eta * (q[i] - p[i])) : 1);
  }
  Law common(p.size()), residual(p.size());
  double accepted = 0, left = 0;
  distance = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    common[i] = std::min(q[i], enriched[i] / sum), residual[i] = std::max(0.0, p[i] - common[i]);
    accepted += common[i], left += residual[i], distance += std::max(0.0, common[i] - p[i]);
  }
  Law out(p.size());
  for (size_t i = 0; i < p.size(); ++i) out[i] = common[i] + (1 - accepted) * (left > 0 ? residual[i] / left : p[i]);
  return out;
}

TEST(Rapid, TheLawOfAPositionIsTheSpecifications) {
  uint64_t state = 7;
  const auto draw = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state >> 40) / static_cast<double>(1 << 24);
  };
  for (int round = 0; round < 200; ++round) {
    Law p(6), q(6);
    double sum_p = 0, sum_q = 0;
    for (int i = 0; i < 6; ++i) {
      sum_p += p[i] = std::pow(draw(), 3) + 1e-3;
      sum_q += q[i] = round % 3 == 0 && i == 2 ? 0 : std::pow(draw(), 3) + 1e-3;
    }
    for (int i = 0; i < 6; ++i) p[i] /= sum_p, q[i] = static_cast<float>(q[i] / sum_q);
    const double eta = std::vector{0.0, 1.0, 5.0, 20.0}[static_cast<size_t>(round % 4)];
    double distance = 0;
    const Law expected = OracleLaw(p, q, eta, distance);
    const Outcome outcome = LawOf(RapidRule(eta, MarginGuard::kDraft, false), p, q);
    for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(outcome.out[i], expected[i], 1e-5) << round << " " << i;
    EXPECT_NEAR(outcome.shift, distance, 1e-5);
  }
}

TEST(Rapid, TheLargestMarginStaysALaw) {
  for (const MarginGuard guard : {MarginGuard::kDraft, MarginGuard::kEnriched}) {
    const Outcome outcome = LawOf(RapidRule(1000, guard, false), {.001, .999, 0, 0}, {.999, .001, 0, 0});
    double sum = 0;
    for (const double value : outcome.out) sum += value;
    EXPECT_NEAR(sum, 1, 1e-6);
    const double expected = guard == MarginGuard::kDraft ? .999 : .501;  // equation 9 gives the target's token p again
    EXPECT_NEAR(outcome.accepted, expected, 1e-3);
  }
}

TEST(Rapid, TheGuardOfEquation9IsNormalised) {
  // Literally it would accept everything here: its "law" sums to 1.66.
  const Outcome outcome = LawOf(RapidRule(10, MarginGuard::kEnriched, false), kTarget, kDraft);
  double sum = 0;
  for (const double value : outcome.out) sum += value;
  EXPECT_NEAR(sum, 1, 1e-6);
  EXPECT_LT(outcome.accepted, 0.99);
}

TEST(Rapid, ADeterministicTokenCountsAsAPointMass) {
  const RapidRule rule(0, MarginGuard::kDraft, false);
  double out[4] = {};
  EnumeratingRandom random;
  do {
    TokenTree tree(0);
    tree.Add(0, 1, ProposalKind::kDeterministic);
    SameLaw rows(kTarget);
    Verdict verdict;
    rule.Verify(tree, rows, {}, random, verdict);
    out[verdict.path.size() > 1 ? 1 : verdict.next] += random.weight();
  } while (random.Advance());
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(out[i], kTarget[i], 1e-6);
}

/// What a greedy rule makes of a chain that drafts `drafted` with law q, the target's law being p everywhere.
Verdict GreedyVerdict(double eta, const Law& p, const Law& q, Token drafted) {
  const RapidRule rule(eta, MarginGuard::kDraft, true);
  DraftLaw draft;
  for (size_t i = 0; i < q.size(); ++i) {
    draft.ids.push_back(static_cast<Token>(i)), draft.probabilities.push_back(static_cast<float>(q[i]));
  }
  TokenTree tree(0);
  tree.SetLaw(0, draft);
  tree.Add(0, drafted, ProposalKind::kSampledNoReplacement);
  SameLaw rows(p);
  EnumeratingRandom random;
  Verdict verdict;
  rule.Verify(tree, rows, {}, random, verdict);
  EXPECT_FALSE(random.Advance()) << "nothing is drawn";
  return verdict;
}

TEST(Rapid, GreedyTakesTheLikeliestOfTheEnrichedLaw) {
  // log p + eta guard (q - p) of token 1 passes that of token 0 at eta = log(.5 / .3) / (.3 + .3) = 0.851.
  const Verdict mild = GreedyVerdict(0.84, kTarget, kDraft, 1), strong = GreedyVerdict(0.86, kTarget, kDraft, 1);
  EXPECT_EQ(mild.path, (std::vector<NodeId>{0}));
  EXPECT_EQ(mild.next, 0);
  EXPECT_EQ(mild.shift, 0);
  EXPECT_EQ(strong.path, (std::vector<NodeId>{0, 1}));
  EXPECT_EQ(strong.next, 0) << "behind the last token the target's own";
  EXPECT_EQ(strong.shift, 1);
  EXPECT_EQ(GreedyVerdict(5, kTarget, kDraft, 2).next, 1) << "what is rejected makes room for the enriched choice";
  EXPECT_EQ(GreedyVerdict(0, kTarget, kDraft, 1).next, 0);
  const SamplingConfig asked{.temperature = 0};
  EXPECT_EQ(RapidRule(5, MarginGuard::kDraft, true).LawsFor(asked).temperature, 1);
  EXPECT_EQ(RapidRule(0, MarginGuard::kDraft, true).LawsFor(asked).temperature, 0);
}

}  // namespace
}  // namespace longshot
