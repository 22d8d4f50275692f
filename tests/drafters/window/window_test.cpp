#include "drafters/window/window.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/spec/verifier.h"
#include "tests/drafters/disturbed_target.h"

namespace longshot {
namespace {

class WindowTest : public ::testing::Test {
 protected:
  static constexpr int64_t kVocab = 24;
  static constexpr DraftBudget kBudget{.max_nodes = 4, .max_depth = 4, .round = 3, .cost = PassCost(0.02)};

  void Begin(double temperature, bool coupled, ProposalConfig proposal = {}, double draft_cost = 0.05,
             const char* mode = "off") {
    sampler_ = Sampler({.temperature = temperature, .top_k = 10, .top_p = 1.0, .min_p = 0.0});
    drafter_ = WindowDrafter(proposal, {.mode = mode}, {.recent = 20, .sink = 3, .draft_cost = draft_cost});
    history_.clear();
    for (Token i = 0; i < 50; ++i) history_.push_back((i * 7) % kVocab);
    target_.Open(1000);
    target_.Prefill({.sequence = 0, .tokens = std::span(history_).first(49), .tap = nullptr, .progress = {}});
    target_.passes.clear();
    DraftContext context;
    context.target = &target_;
    context.prompt = history_;
    context.sampler = &sampler_;
    context.noise = {.seed = 11, .sequence = 0};
    context.coupled = coupled;
    context.seed = 11;
    drafter_.Begin(context);
  }
  int64_t Propose(const DraftBudget& budget = kBudget) {
    tree_.Reset(history_.back());
    drafter_.Propose(history_, budget, tree_);
    return tree_.size() - 1;
  }
  /// A round that accepted the first `accepted` drafted tokens. The history stays: every round drafts alike.
  void Observe(int64_t accepted) {
    std::vector<NodeId> path(accepted + 1);
    for (size_t i = 0; i < path.size(); ++i) path[i] = static_cast<NodeId>(i);
    const std::vector<Token> emitted(path.size(), 1);
    drafter_.Observe({.tree = &tree_, .path = path, .emitted = emitted, .top_k = 0, .top = {}});
  }
  /// The view's law after `node` of the drafted chain.
  Distribution LawAfter(NodeId node) {
    const Token before = node > 0 ? tree_.token(node - 1) : history_[history_.size() - 2];
    std::vector<float> logits(kVocab);
    target_.Logits(before, tree_.token(node), true, logits);
    Distribution law;
    sampler_.Process(logits, history_, tree_.tokens().subspan(1, node), law);
    return law;
  }

  DisturbedTarget target_{{.vocab = kVocab}};
  Sampler sampler_{{}};
  WindowDrafter drafter_{{}, {}, {}};
  std::vector<Token> history_;
  TokenTree tree_;
};

TEST_F(WindowTest, EachPassReadsTheViewAndComputesTheNewestNodeAlone) {
  Begin(0.0, true, {.n_min = 4});
  ASSERT_EQ(Propose(), 4);
  ASSERT_EQ(target_.passes.size(), 4u);
  for (size_t i = 0; i < target_.passes.size(); ++i) {
    const auto& pass = target_.passes[i];
    EXPECT_EQ(pass.first_node, static_cast<NodeId>(i));
    EXPECT_EQ(pass.rows, 1);
    EXPECT_TRUE(pass.through_view);
    EXPECT_EQ(pass.tail_begin, 49 - 20) << "committed rows without the pending token";
  }
}

TEST_F(WindowTest, GreedyDraftsTheArgmaxOfTheView) {
  Begin(0.0, true, {.n_min = 4});
  ASSERT_EQ(Propose(), 4);
  for (NodeId node = 0; node < 4; ++node) {
    EXPECT_EQ(tree_.token(node + 1), LawAfter(node).Argmax());
    EXPECT_EQ(tree_.kind(node + 1), ProposalKind::kDeterministic);
    EXPECT_EQ(tree_.Law(node), nullptr);
  }
}

TEST_F(WindowTest, CoupledDrawsUseTheTargetsNoiseAtTheTokensOwnPosition) {
  Begin(2.0, true, {.n_min = 4});
  ASSERT_EQ(Propose(), 4);
  int differs_from_argmax = 0;
  for (NodeId node = 0; node < 4; ++node) {
    const Distribution law = LawAfter(node);
    // history[49] is pending at position 49, so its successor stands at 50.
    EXPECT_EQ(tree_.token(node + 1), CoupledDraw(law, {.seed = 11, .sequence = 0}, 50 + node));
    EXPECT_EQ(tree_.kind(node + 1), ProposalKind::kDeterministic);
    differs_from_argmax += tree_.token(node + 1) != law.Argmax();
  }
  EXPECT_GT(differs_from_argmax, 0) << "choose a seed for which the noise decides somewhere";
}

TEST_F(WindowTest, UncoupledTokensAreSampledAndCarryTheirLaw) {
  Begin(2.0, false, {.n_min = 4});
  ASSERT_EQ(Propose(), 4);
  const std::vector<Token> first(tree_.tokens().begin(), tree_.tokens().end());
  for (NodeId node = 0; node < 4; ++node) {
    const Distribution law = LawAfter(node);
    ASSERT_NE(tree_.Law(node), nullptr);
    EXPECT_EQ(tree_.Law(node)->ids, law.ids);
    for (size_t i = 0; i < law.ids.size(); ++i) {
      EXPECT_FLOAT_EQ(tree_.Law(node)->probabilities[i], static_cast<float>(law.probabilities[i]));
    }
    EXPECT_EQ(tree_.kind(node + 1), ProposalKind::kSampledNoReplacement);
    EXPECT_GT(law.Probability(tree_.token(node + 1)), 0.0);
  }
  Begin(2.0, false, {.n_min = 4});
  Propose();
  EXPECT_EQ(std::vector<Token>(tree_.tokens().begin(), tree_.tokens().end()), first) << "same round, same draws";
  bool fresh = false;
  for (uint32_t round = 4; round < 8; ++round) {
    Propose({.max_nodes = 4, .max_depth = 4, .round = round, .cost = PassCost(0.02)});
    fresh |= std::vector<Token>(tree_.tokens().begin(), tree_.tokens().end()) != first;
  }
  EXPECT_TRUE(fresh) << "every round draws afresh";
}

TEST_F(WindowTest, SampledTokensFollowTheirLaw) {
  Begin(2.0, false);
  std::vector<int> count(kVocab);
  constexpr int kRounds = 20000;
  Distribution law;
  for (uint32_t round = 0; round < kRounds; ++round) {
    ASSERT_EQ(Propose({.max_nodes = 1, .max_depth = 1, .round = round, .cost = PassCost(0.02)}), 1);
    if (round == 0) law = LawAfter(0);
    ++count[tree_.token(1)];
  }
  double chi_square = 0;
  for (size_t i = 0; i < law.ids.size(); ++i) {
    const double expected = law.probabilities[i] * kRounds;
    chi_square += (count[law.ids[i]] - expected) * (count[law.ids[i]] - expected) / expected;
  }
  const double degrees = static_cast<double>(law.ids.size()) - 1;
  EXPECT_LT(chi_square, degrees + 4.5 * std::sqrt(2 * degrees));
}

TEST_F(WindowTest, DrawnTokensStayWhateverTheirProbability) {
  Begin(2.0, false, {.p_min = 0.5});
  for (uint32_t round = 0; round < 300; ++round) {
    const size_t passes = target_.passes.size();
    const int64_t drafted = Propose({.max_nodes = 4, .max_depth = 4, .round = round, .cost = PassCost(0.3)});
    ASSERT_EQ(drafted, static_cast<int64_t>(target_.passes.size() - passes)) << "a token was drawn and dropped";
    Observe(0);
  }
}

TEST_F(WindowTest, DraftsDeeperWhereDraftsAreAccepted) {
  const DraftBudget budget{.max_nodes = 12, .max_depth = 12, .cost = PassCost(0.02)};
  Begin(0.0, true, {}, 0.4);
  for (int round = 0; round < 60; ++round) Observe(Propose(budget));
  const int64_t deep = Propose(budget);
  Begin(0.0, true, {}, 0.4);
  for (int round = 0; round < 60; ++round) Observe(Propose(budget) / 2);
  const int64_t middling = Propose(budget);
  EXPECT_GT(deep, middling);
  EXPECT_GE(deep, 6);
}

TEST_F(WindowTest, StopsWhereNothingIsAcceptedButTriesAgainNowAndThen) {
  Begin(0.0, true, {}, 0.4);
  int64_t late_passes = 0, late_drafts = 0;
  for (int round = 0; round < 400; ++round) {
    const size_t before = target_.passes.size();
    const int64_t drafted = Propose();
    Observe(0);
    if (round < 100) continue;
    late_passes += static_cast<int64_t>(target_.passes.size() - before);
    late_drafts += drafted;
  }
  EXPECT_GE(late_drafts, 300 / 32 - 1);
  EXPECT_LE(late_passes, 300 / 32 + 2);
}

TEST_F(WindowTest, ADraftPassThatCostsMoreThanItCanYieldIsNotMade) {
  Begin(0.0, true, {}, 1.2);
  EXPECT_EQ(Propose(), 0);
  EXPECT_TRUE(target_.passes.empty());
}

TEST_F(WindowTest, BudgetsAreKept) {
  Begin(0.0, true, {.n_min = 3});
  EXPECT_EQ(Propose({.max_nodes = 3, .max_depth = 9}), 3);
  EXPECT_EQ(Propose({.max_nodes = 2, .max_depth = 9}), 0) << "fewer than n_min";
  EXPECT_EQ(Propose({.max_nodes = 0, .max_depth = 9}), 0);
  Begin(0.0, true, {.n_max = 2, .n_min = 1});
  EXPECT_EQ(Propose({.max_nodes = 9, .max_depth = 9, .cost = PassCost(0.0001)}), 2);
  Begin(0.0, true, {.n_min = 1});
  EXPECT_EQ(Propose({.max_nodes = 9, .max_depth = 1, .cost = PassCost(0.0001)}), 1);
}

TEST_F(WindowTest, BeginForgetsWhatWasLearned) {
  Begin(0.0, true, {}, 0.4);
  const int64_t fresh = Propose();
  ASSERT_GT(fresh, 0);
  for (int round = 0; round < 60; ++round) {
    Propose();
    Observe(0);
  }
  EXPECT_EQ(Propose(), 0);
  DraftContext context;
  context.target = &target_;
  context.sampler = &sampler_;
  drafter_.Begin(context);
  EXPECT_EQ(Propose(), fresh);
}

TEST_F(WindowTest, RunnersUpStandBesideTheChainAsLeavesWhereTheyPay) {
  const DraftBudget cheap{.max_nodes = 8, .max_depth = 4, .round = 3, .cost = PassCost(0.001)};
  Begin(0.8, true, {.n_min = 4}, 0.05, "auto");
  ASSERT_GT(Propose(cheap), 4);
  EXPECT_EQ(target_.passes.size(), 4u) << "a leaf costs no draft pass";
  EXPECT_EQ(tree_.max_depth(), 4);
  for (NodeId node = 1; node <= 4; ++node) EXPECT_EQ(tree_.parent(node), node - 1) << "the chain comes first";
  for (NodeId leaf = 5; leaf < tree_.size(); ++leaf) {
    const NodeId parent = tree_.parent(leaf);
    const Distribution law = LawAfter(parent);
    double best = -1e9;
    Token second = kNoToken;
    for (size_t i = 0; i < law.ids.size(); ++i) {
      const double score = law.log_weights[i] + CoupledNoise{.seed = 11, .sequence = 0}.At(50 + parent, law.ids[i]);
      if (law.ids[i] != tree_.token(parent + 1) && score > best) best = score, second = law.ids[i];
    }
    EXPECT_EQ(tree_.token(leaf), second) << "next to the drafted token under the same noise";
  }
  const DraftBudget dear{.max_nodes = 8, .max_depth = 4, .round = 3, .cost = PassCost(0.4)};
  EXPECT_EQ(Propose(dear), 4);
  Begin(0.8, true, {.n_min = 4}, 0.05, "off");
  EXPECT_EQ(Propose(cheap), 4);
  Begin(0.8, false, {.n_min = 4}, 0.05, "auto");
  EXPECT_EQ(Propose(cheap), 4) << "a law is tried once: what is drawn is not chosen";
}

}  // namespace
}  // namespace longshot
