#include "verifier/rules.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/runtime/engine/chi_square.h"
#include "verifier/rejection.h"

namespace longshot {
namespace {

/// The same law at every node.
class SameLaw final : public TargetRows {
 public:
  explicit SameLaw(std::vector<double> probabilities) {
    for (size_t i = 0; i < probabilities.size(); ++i) {
      if (probabilities[i] <= 0) continue;
      law_.ids.push_back(static_cast<Token>(i));
      law_.probabilities.push_back(probabilities[i]);
      law_.log_weights.push_back(std::log(probabilities[i]));
    }
  }
  const Distribution& At(NodeId node) override {
    asked.push_back(node);
    return law_;
  }
  int64_t NextPosition(NodeId node) const override { return 100 + node; }

  std::vector<NodeId> asked;

 private:
  Distribution law_;
};

/// Always the smallest coin, 0.
class ZeroCoin final : public RandomSource {
 public:
  bool Bernoulli(NodeId, uint32_t, double accept) override {
    chances.push_back(accept);
    return 0.0 < accept;
  }
  int64_t Categorical(NodeId, std::span<const double> weights) override { return InvertCumulative(weights, 0.0); }
  std::vector<double> chances;
};

TEST(Rules, AreNamedWithTheDefaultFirst) {
  EXPECT_EQ(VerifierNames()[0], "coupled");
  for (const std::string_view name : VerifierNames()) EXPECT_EQ(MakeVerifier(name)->name(), name);
  EXPECT_EQ(MakeVerifier("coupled")->exactness(), Exactness::kExact);
  EXPECT_EQ(MakeVerifier("greedy")->exactness(), Exactness::kExact);
  EXPECT_EQ(Name(MakeVerifier("rejection")->exactness()), "distribution");
  EXPECT_TRUE(MakeVerifier("coupled")->coupled());
  EXPECT_FALSE(MakeVerifier("rejection")->coupled());
}

TEST(Rules, AnUnknownNameListsTheKnownOnes) {
  try {
    MakeVerifier("typical");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_STREQ(
        error.what(),
        "verification rule: expected one of coupled, greedy, rejection, rapid, got 'typical'; set --spec-verify");
  }
}

TEST(Greedy, WalksAlongTheArgmaxAndAsksForNoOtherLaw) {
  TokenTree tree(9);
  tree.Add(0, 0);
  const NodeId a = tree.Add(0, 1);
  const NodeId b = tree.Add(a, 1);
  tree.Add(a, 2);
  SameLaw rows({0.3, 0.4, 0.3});
  ZeroCoin random;
  Verdict verdict;
  MakeVerifier("greedy")->Verify(tree, rows, {}, random, verdict);
  EXPECT_EQ(verdict.path, (std::vector<NodeId>{0, a, b}));
  EXPECT_EQ(verdict.next, 1);
  EXPECT_EQ(rows.asked, verdict.path);
}

TEST(Greedy, TiesGoToTheLowestId) {
  TokenTree tree(9);
  SameLaw rows({0.2, 0.4, 0.4});
  ZeroCoin random;
  Verdict verdict;
  MakeVerifier("greedy")->Verify(tree, rows, {}, random, verdict);
  EXPECT_EQ(verdict.next, 1);
}

TEST(Coupled, DrawsTheTokenOfThePositionWhateverTheTree) {
  SameLaw rows({0.25, 0.0, 0.5, 0.25});
  ZeroCoin random;
  Verdict plain, drafted;
  const CoupledNoise noise{.seed = 17};
  const auto rule = MakeVerifier("coupled");
  rule->Verify(TokenTree(9), rows, noise, random, plain);
  EXPECT_EQ(plain.next, CoupledDraw(rows.At(0), noise, 100));
  TokenTree tree(9);
  for (Token x = 0; x < 4; ++x) tree.Add(0, x);
  rule->Verify(tree, rows, noise, random, drafted);
  ASSERT_EQ(drafted.path.size(), 2u);
  EXPECT_EQ(tree.token(drafted.path[1]), plain.next);
}

TEST(Coupled, TheDrawHasExactlyTheLaw) {
  const std::vector<double> law = {0.05, 0.3, 0.0, 0.15, 0.45, 0.05};
  SameLaw rows(law);
  std::vector<int64_t> counts(law.size());
  for (int64_t position = 0; position < 200000; ++position) {
    ++counts[CoupledDraw(rows.At(0), {.seed = 5}, position)];
  }
  EXPECT_LT(ChiSquareZ(counts, law), 4.5);
}

TEST(Coupled, APointMassNeedsNoNoise) {
  SameLaw rows({0.0, 0.0, 1.0});
  for (int64_t position = 0; position < 100; ++position) EXPECT_EQ(CoupledDraw(rows.At(0), {.seed = 1}, position), 2);
}

TEST(Rejection, ACoinOfZeroNeverAcceptsATokenOfProbabilityZero) {
  TokenTree tree(9);
  tree.Add(0, 1);  // deterministic, p = 0
  tree.SetLaw(0, {.ids = {1, 3}, .probabilities = {0.5f, 0.5f}});
  tree.Add(0, 3, ProposalKind::kSampledNoReplacement);  // outside the target's support
  SameLaw rows({0.5, 0.0, 0.5});
  ZeroCoin random;
  Verdict verdict;
  RejectionRule().Verify(tree, rows, {}, random, verdict);
  EXPECT_EQ(random.chances, (std::vector<double>{0.0, 0.0}));
  EXPECT_EQ(verdict.path, (std::vector<NodeId>{0}));
  EXPECT_EQ(verdict.next, 0);
}

TEST(Rejection, AVanishedResidualFallsBackToTheTargetsLaw) {
  /// Rejects whatever the chance.
  struct Never final : RandomSource {
    bool Bernoulli(NodeId, uint32_t, double) override { return false; }
    int64_t Categorical(NodeId, std::span<const double> weights) override {
      seen.assign(weights.begin(), weights.end());
      return 0;
    }
    std::vector<double> seen;
  } random;
  TokenTree tree(9);
  for (Token x = 0; x < 3; ++x) tree.Add(0, x);
  SameLaw rows({0.5, 0.3, 0.2});
  Verdict verdict;
  RejectionRule().Verify(tree, rows, {}, random, verdict);
  EXPECT_EQ(random.seen, (std::vector<double>{0.5, 0.3, 0.2}));
  EXPECT_EQ(verdict.next, 0);
}

TEST(Rejection, ADrawnChildNeedsALawThatCouldDrawIt) {
  TokenTree tree(9);
  tree.Add(0, 1, ProposalKind::kSampledReplacement);
  SameLaw rows({0.5, 0.5});
  ZeroCoin random;
  Verdict verdict;
  EXPECT_DEATH(RejectionRule().Verify(tree, rows, {}, random, verdict), "no law");
  tree.SetLaw(0, {.ids = {0}, .probabilities = {1.0f}});
  EXPECT_DEATH(RejectionRule().Verify(tree, rows, {}, random, verdict), "a law that excludes it");
}

}  // namespace
}  // namespace longshot
