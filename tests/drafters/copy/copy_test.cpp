#include "drafters/copy/copy.h"

#include <gtest/gtest.h>

#include <vector>

namespace longshot {
namespace {

constexpr DraftBudget kWide{.max_nodes = 64, .max_depth = 64, .cost = PassCost(0.01)};

class CopyTest : public ::testing::Test {
 protected:
  void Begin(std::vector<Token> prompt) {
    history_ = std::move(prompt);
    DraftContext context;
    context.prompt = history_;
    drafter_.Begin(context);
  }
  std::vector<Token> Propose(const DraftBudget& budget = kWide) {
    tree_.Reset(history_.back());
    drafter_.Propose(history_, budget, tree_);
    EXPECT_TRUE(tree_.is_chain());
    return {tree_.tokens().begin() + 1, tree_.tokens().end()};
  }
  /// A round that emitted `tokens`, of which all but the last were proposed.
  void Emit(std::vector<Token> tokens) {
    std::vector<NodeId> path(tokens.size());
    for (size_t i = 0; i < path.size(); ++i) path[i] = static_cast<NodeId>(i);
    drafter_.Observe({.tree = &tree_, .path = path, .emitted = tokens, .top_k = 0, .top = {}});
    history_.insert(history_.end(), tokens.begin(), tokens.end());
  }

  CopyDrafter drafter_{{}, {}};
  std::vector<Token> history_;
  TokenTree tree_;
};

TEST_F(CopyTest, ContinuesTheLatestOfTheLongestMatches) {
  Begin({1, 2, 3, 4, 9, 1, 2, 3, 5, 8, 2, 3, 6, 9, 1, 2, 3});
  EXPECT_EQ(Propose({.max_nodes = 3, .max_depth = 3, .cost = PassCost(0.01)}), (std::vector<Token>{5, 8, 2}));
}

TEST_F(CopyTest, AnOccurrenceThatOverlapsTheEndGoesOnPeriodically) {
  Begin({5, 6, 7, 5, 6, 7, 5, 6, 7, 5, 6, 7});
  EXPECT_EQ(Propose({.max_nodes = 7, .max_depth = 7, .cost = PassCost(0.01)}),
            (std::vector<Token>{5, 6, 7, 5, 6, 7, 5}));
}

TEST_F(CopyTest, ShortMatchesAreNotCopied) {
  Begin({1, 2, 3, 4, 5, 2});
  EXPECT_TRUE(Propose().empty());
  Begin({1, 2, 3, 4, 5, 2, 3});
  EXPECT_FALSE(Propose().empty());
}

TEST_F(CopyTest, NothingProposedForANewToken) {
  Begin({1, 2, 3, 1, 2, 3, 4});
  EXPECT_TRUE(Propose().empty());
}

TEST_F(CopyTest, LengthGrowsWithTheMatch) {
  std::vector<Token> prompt;
  for (Token token = 0; token < 60; ++token) prompt.push_back(token);
  size_t previous = 0;
  for (Token matched : {2, 4, 8, 16}) {
    std::vector<Token> text = prompt;
    text.push_back(99);
    for (Token token = 0; token < matched; ++token) text.push_back(token);
    Begin(text);
    const size_t length = Propose().size();
    EXPECT_GT(length, previous) << matched;
    EXPECT_LE(length, static_cast<size_t>(1 + 4 * matched));
    previous = length;
  }
}

TEST_F(CopyTest, DearerRowsShortenTheChain) {
  std::vector<Token> text;
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (Token token = 0; token < 12; ++token) text.push_back(token);
  }
  Begin(text);
  const size_t cheap = Propose({.max_nodes = 64, .max_depth = 64, .cost = PassCost(0.01)}).size();
  const size_t dear = Propose({.max_nodes = 64, .max_depth = 64, .cost = PassCost(0.7)}).size();
  EXPECT_LT(dear, cheap);
  EXPECT_GT(dear, 0u);
  EXPECT_TRUE(Propose({.max_nodes = 64, .max_depth = 64, .cost = PassCost(1.0)}).empty());
}

TEST_F(CopyTest, StopsWhereCopiesAreWrongAndReturnsWhenTheyAreRight) {
  // Pairs (1, 2) recur, and what follows is new every time.
  Begin({1, 2, 3, 1, 2});
  Token fresh = 10;
  int64_t proposed_late = 0;
  for (int round = 0; round < 60; ++round) {
    const size_t proposed = Propose({.max_nodes = 16, .max_depth = 16, .cost = PassCost(0.1)}).size();
    if (round >= 30) proposed_late += static_cast<int64_t>(proposed);
    Emit({fresh++});
    tree_.Reset(history_.back());
    Emit({1});
    tree_.Reset(1);
    Emit({2});
  }
  EXPECT_EQ(proposed_late, 0);
  // Now the text repeats what it said before: matches grow long, and copying pays again.
  const std::vector<Token> before(history_.begin() + 20, history_.begin() + 60);
  size_t longest = 0;
  for (Token token : before) {
    longest = std::max(longest, Propose({.max_nodes = 16, .max_depth = 16, .cost = PassCost(0.1)}).size());
    tree_.Reset(history_.back());
    Emit({token});
  }
  EXPECT_GE(longest, 8u);
}

TEST_F(CopyTest, BudgetsAreKept) {
  std::vector<Token> text;
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (Token token = 0; token < 40; ++token) text.push_back(token);
  }
  Begin(text);
  EXPECT_EQ(Propose({.max_nodes = 5, .max_depth = 9, .cost = PassCost(0)}).size(), 5u);
  EXPECT_EQ(Propose({.max_nodes = 9, .max_depth = 4, .cost = PassCost(0)}).size(), 4u);
  EXPECT_TRUE(Propose({.max_nodes = 0, .max_depth = 4, .cost = PassCost(0)}).empty());
  drafter_ = CopyDrafter({.n_max = 3}, {});
  Begin(text);
  EXPECT_EQ(Propose().size(), 3u);
  drafter_ = CopyDrafter({.n_min = 6}, {});
  Begin(text);
  EXPECT_TRUE(Propose({.max_nodes = 5, .max_depth = 9, .cost = PassCost(0)}).empty());
  EXPECT_EQ(Propose({.max_nodes = 6, .max_depth = 9, .cost = PassCost(0)}).size(), 6u);
  drafter_ = CopyDrafter({.p_min = 0.8}, {});
  Begin(text);
  EXPECT_GT(Propose().size(), 0u);
  EXPECT_LT(Propose().size(), 8u);
}

TEST_F(CopyTest, IdleRoundsAreCountedByReason) {
  Begin({1, 2, 3, 4});
  EXPECT_TRUE(Propose().empty());
  EXPECT_EQ(drafter_.idle().no_candidate, 1);
  Begin({1, 2, 3, 1, 2});
  EXPECT_EQ(drafter_.idle().total(), 0) << "of this generation alone";
  EXPECT_TRUE(Propose({.max_nodes = 4, .max_depth = 4, .cost = PassCost(10)}).empty());
  EXPECT_EQ(drafter_.idle().would_not_pay, 1);
  drafter_ = CopyDrafter({.n_min = 6}, {});
  Begin({1, 2, 3, 1, 2});
  EXPECT_TRUE(Propose({.max_nodes = 5, .max_depth = 9, .cost = PassCost(0)}).empty());
  EXPECT_EQ(drafter_.idle().below_n_min, 1);
  EXPECT_EQ(drafter_.idle().total(), 1);
}

TEST_F(CopyTest, BeginForgetsThePreviousGeneration) {
  Begin({1, 2, 3, 4, 1, 2});
  EXPECT_FALSE(Propose().empty());
  Begin({7, 1, 2});
  EXPECT_TRUE(Propose().empty());
}

using CopyDeathTest = CopyTest;
TEST_F(CopyDeathTest, AHistoryThatWasNotObservedIsAMistake) {
  Begin({1, 2, 3});
  history_.push_back(4);
  EXPECT_DEATH(Propose(), "history of 4 tokens, observed 3");
}

}  // namespace
}  // namespace longshot
