// Every outcome of every coin: the exact law of what a rule emits, against the target's, and against what
// happens when one of the conditions of exactness is broken.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "runtime/spec/sampler.h"
#include "tests/verifier/enumeration.h"
#include "tests/verifier/tree_builder.h"
#include "verifier/rejection.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr Token kBefore = 0, kPending = 1;

/// Target laws over the last two tokens of a text.
class Text {
 public:
  explicit Text(const LawTable* table) : table_(table) {}
  Distribution Law(std::span<const Token> text) const {
    const size_t n = text.size();
    Distribution law;
    sampler_.Process(table_->Row(n < 2 ? kBefore : text[n - 2], text[n - 1]), {}, {}, law);
    return law;
  }

 private:
  const LawTable* table_;
  Sampler sampler_{SamplingConfig{.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0}};
};

class Rows final : public TargetRows {
 public:
  Rows(const Text* text, const TokenTree* tree, std::vector<Token> before)
      : text_(text), tree_(tree), before_(std::move(before)) {}
  const Distribution& At(NodeId node) override {
    std::vector<Token> path = before_;  // ends with the root's token
    path.resize(before_.size() + tree_->depth(node));
    for (NodeId at = node; at > 0; at = tree_->parent(at))
      path[before_.size() + tree_->depth(at) - 1] = tree_->token(at);
    law_ = text_->Law(path);
    return law_;
  }
  int64_t NextPosition(NodeId node) const override { return std::ssize(before_) + tree_->depth(node); }

 private:
  const Text* text_;
  const TokenTree* tree_;
  std::vector<Token> before_;
  Distribution law_;
};

using SequenceLaw = std::map<std::vector<Token>, double>;

/// Law of the first `length` tokens, drafts in the first `rounds` rounds; the rest follows from the target.
struct Experiment {
  const Verifier* rule;
  Style style;
  std::vector<int> shape;
  Violation violation = Violation::kNone;
  int vocab = 4;
  int length = 3;
  int rounds = 1;
};

std::vector<Token> RunOnce(const Experiment& e, const Text& text, TreeBuilder& builder, RandomSource& random) {
  std::vector<Token> all = {kPending};
  builder.Restart();
  for (int round = 0; round < e.rounds && std::ssize(all) <= e.length; ++round) {
    TokenTree tree(all.back());
    builder.Build(random, e.length, tree);
    Rows rows(&text, &tree, all);
    Verdict verdict;
    e.rule->Verify(tree, rows, {}, random, verdict);
    for (size_t i = 1; i < verdict.path.size(); ++i) all.push_back(tree.token(verdict.path[i]));
    all.push_back(verdict.next);
  }
  all.resize(std::min<size_t>(all.size(), e.length + 1));
  return all;
}

/// Adds the target's own continuation of `all` up to the full length.
void Complete(const Text& text, size_t length, std::vector<Token>& all, double probability, SequenceLaw& law) {
  if (all.size() > length) {
    law[all] += probability;
    return;
  }
  const Distribution next = text.Law(all);
  for (size_t i = 0; i < next.ids.size(); ++i) {
    all.push_back(next.ids[i]);
    Complete(text, length, all, probability * next.probabilities[i], law);
    all.pop_back();
  }
}

/// Total variation distance between what `e` emits and the target's law, on tables of `seed`.
double Distance(const Experiment& e, uint64_t seed) {
  const LawTable target(e.vocab, seed), draft(e.vocab, seed + 1000, 0.1);
  const Text text(&target);
  TreeBuilder builder(&draft, e.style, e.shape, e.violation);
  SequenceLaw prefixes, emitted, exact;
  EnumeratingRandom random;
  do {
    const std::vector<Token> all = RunOnce(e, text, builder, random);
    prefixes[all] += random.weight();
  } while (random.Advance());
  for (const auto& [prefix, probability] : prefixes) {
    std::vector<Token> all = prefix;
    Complete(text, e.length, all, probability, emitted);
  }
  std::vector<Token> all = {kPending};
  Complete(text, e.length, all, 1.0, exact);
  double total = 0, distance = 0;
  for (const auto& [sequence, probability] : emitted) {
    const auto at = exact.find(sequence);
    distance += std::abs(probability - (at == exact.end() ? 0.0 : at->second));
    total += probability;
  }
  for (const auto& [sequence, probability] : exact) distance += emitted.contains(sequence) ? 0.0 : probability;
  EXPECT_NEAR(total, 1.0, 1e-12);
  return distance / 2;
}

double MeanDistance(const Experiment& e, int seeds) {
  double sum = 0;
  for (int seed = 0; seed < seeds; ++seed) sum += Distance(e, seed);
  return sum / seeds;
}

const RejectionRule kRejection;

struct Shape {
  std::string name;
  Style style;
  std::vector<int> shape;
  int vocab, seeds;
};
void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

class ExhaustiveLaw : public testing::TestWithParam<Shape> {};

TEST_P(ExhaustiveLaw, RejectionEmitsTheTargetsLaw) {
  const Shape& s = GetParam();
  for (int seed = 0; seed < s.seeds; ++seed) {
    EXPECT_LT(Distance({.rule = &kRejection, .style = s.style, .shape = s.shape, .vocab = s.vocab}, seed), 1e-12)
        << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ExhaustiveLaw,
                         testing::Values(Shape{"Empty", Style::kDeterministic, {}, 5, 5},
                                         Shape{"Chain", Style::kNoReplacement, {1, 1, 1}, 5, 6},
                                         Shape{"ChainOfFive", Style::kNoReplacement, {1, 1}, 5, 10},
                                         Shape{"ChainReplacement", Style::kReplacement, {1, 1}, 5, 10},
                                         Shape{"Siblings", Style::kNoReplacement, {4}, 5, 20},
                                         Shape{"SiblingsReplacement", Style::kReplacement, {3}, 5, 20},
                                         Shape{"Tree", Style::kNoReplacement, {2, 2}, 4, 3},
                                         Shape{"TreeReplacement", Style::kReplacement, {2, 2}, 4, 2},
                                         Shape{"Narrowing", Style::kNoReplacement, {2, 1, 1}, 3, 3},
                                         Shape{"Mixed", Style::kMixed, {3, 1, 1}, 5, 3},
                                         Shape{"Deterministic", Style::kDeterministic, {2, 2, 1}, 5, 20}),
                         [](const auto& info) { return info.param.name; });

TEST(ExhaustiveLaw, SeveralRoundsEmitTheTargetsLaw) {
  for (int seed = 0; seed < 5; ++seed) {
    EXPECT_LT(
        Distance({.rule = &kRejection, .style = Style::kNoReplacement, .shape = {1}, .vocab = 3, .rounds = 3}, seed),
        1e-12);
  }
}

/// Temperature 0 is the case of point masses: every rule emits the argmax.
TEST(ExhaustiveLaw, PointMassesAreFollowedByEveryRule) {
  const LawTable table(5, 3), draft(5, 4);
  const Sampler greedy(SamplingConfig{.temperature = 0});
  for (const std::string_view name : VerifierNames()) {
    const auto rule = MakeVerifier(name);
    TreeBuilder builder(&draft, Style::kNoReplacement, {name == "rapid" ? 1 : 2});  // chains alone
    EnumeratingRandom random;
    do {
      TokenTree tree(kPending);
      builder.Build(random, 1, tree);
      struct PointMass final : TargetRows {
        const Distribution& At(NodeId) override { return law; }
        int64_t NextPosition(NodeId node) const override { return node; }
        Distribution law;
      } rows;
      greedy.Process(table.Row(kBefore, kPending), {}, {}, rows.law);
      Verdict verdict;
      rule->Verify(tree, rows, {}, random, verdict);
      const Token first = verdict.path.size() > 1 ? tree.token(verdict.path[1]) : verdict.next;
      EXPECT_EQ(first, rows.law.ids[0]) << name;
    } while (random.Advance());
  }
}

/// P(first child accepted) of a chain is 1 - TV(p, q); of deterministic children the sum of their p.
TEST(ExhaustiveLaw, AcceptanceIsWhatTheTheorySays) {
  for (int seed = 0; seed < 20; ++seed) {
    const LawTable target(5, seed), draft(5, seed + 1000, 0.1);
    const Text text(&target);
    for (const auto& [style, shape] : {std::pair{Style::kNoReplacement, 1}, {Style::kDeterministic, 2}}) {
      TreeBuilder builder(&draft, style, {shape});
      EnumeratingRandom random;
      double accepted = 0, expected = 0;
      const Distribution p = text.Law(std::vector<Token>{kPending});
      do {
        TokenTree tree(kPending);
        builder.Build(random, 1, tree);
        Rows rows(&text, &tree, {kPending});
        Verdict verdict;
        kRejection.Verify(tree, rows, {}, random, verdict);
        if (verdict.path.size() > 1) accepted += random.weight();
        expected = 0;
        if (style == Style::kDeterministic) {
          for (NodeId child = 1; child < tree.size(); ++child) expected += p.Probability(tree.token(child));
        } else {
          double sum = 0;
          for (float q : tree.Law(0)->probabilities) sum += q;
          for (Token x = 0; x < 5; ++x) expected += std::min(p.Probability(x), tree.Law(0)->Probability(x) / sum);
        }
      } while (random.Advance());
      EXPECT_NEAR(accepted, expected, 1e-12) << "seed " << seed;
    }
  }
}

// What breaks exactness, each seen by the same measurement.

TEST(BrokenExactness, DroppingAnUnlikelyDrawnToken) {
  EXPECT_GT(MeanDistance({.rule = &kRejection,
                          .style = Style::kNoReplacement,
                          .shape = {2},
                          .violation = Violation::kDropsUnlikely,
                          .length = 1},
                         50),
            0.03);
}

TEST(BrokenExactness, VerifyingSiblingsInSortedOrder) {
  EXPECT_GT(MeanDistance({.rule = &kRejection,
                          .style = Style::kNoReplacement,
                          .shape = {2},
                          .violation = Violation::kSortsSiblings,
                          .length = 1},
                         50),
            0.05);
}

TEST(BrokenExactness, VerifyingTheArgmaxAsIfItWereDrawn) {
  EXPECT_GT(MeanDistance({.rule = &kRejection,
                          .style = Style::kNoReplacement,
                          .shape = {1},
                          .violation = Violation::kArgmaxAsSampled,
                          .length = 1},
                         50),
            0.1);
}

TEST(BrokenExactness, MergingADrawnDuplicate) {
  EXPECT_GT(MeanDistance({.rule = &kRejection,
                          .style = Style::kReplacement,
                          .shape = {3},
                          .violation = Violation::kMergesDuplicates,
                          .length = 1},
                         50),
            0.01);
}

TEST(BrokenExactness, ReusingNoiseAcrossRounds) {
  const Experiment reused{.rule = &kRejection,
                          .style = Style::kNoReplacement,
                          .shape = {1},
                          .violation = Violation::kReusesNoise,
                          .vocab = 3,
                          .rounds = 3};
  EXPECT_GT(MeanDistance(reused, 20), 0.02);
  // Invisible at any single node.
  Experiment single = reused;
  single.rounds = 1;
  single.length = 1;
  EXPECT_LT(MeanDistance(single, 20), 1e-12);
}

/// On a rejection this samples the full law instead of the residual, as an inner cascade level might.
class FullLawOnRejection final : public Verifier {
 public:
  std::string_view name() const override { return "full law on rejection"; }
  Exactness exactness() const override { return Exactness::kChangesModel; }
  bool coupled() const override { return false; }
  void Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise& noise, RandomSource& random,
              Verdict& verdict) const override {
    kRejection.Verify(tree, rows, noise, random, verdict);
    const Distribution& law = rows.At(verdict.path.back());
    verdict.next = law.ids[random.Categorical(verdict.path.back(), law.probabilities)];
  }
};

TEST(BrokenExactness, SamplingTheFullLawOnRejection) {
  const FullLawOnRejection broken;
  EXPECT_GT(MeanDistance({.rule = &broken, .style = Style::kNoReplacement, .shape = {1}, .length = 1}, 50), 0.03);
}

}  // namespace
}  // namespace longshot
