#include "drafters/token_recycling/token_recycling.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/drafters/disturbed_target.h"

namespace longshot {
namespace {

using Tokens = std::vector<Token>;

Tokens RowOf(const Adjacency& table, Token token) { return {table.Row(token).begin(), table.Row(token).end()}; }

TEST(Adjacency, ARowIsEmptyUntilWritten) {
  Adjacency table;
  table.Reset(10);
  EXPECT_TRUE(table.Row(9).empty());
  table.Write(9, Tokens{4, 2});
  EXPECT_EQ(RowOf(table, 9), (Tokens{4, 2}));
  table.Write(9, Tokens{3, kNoToken, kNoToken});  // a target with few tokens fills up with none
  EXPECT_EQ(RowOf(table, 9), Tokens{3});
  table.Reset(10);
  EXPECT_TRUE(table.Row(9).empty());
}

TEST(Adjacency, PromotionMovesToTheFrontAndDropsTheLast) {
  Adjacency table;
  table.Reset(20);
  for (Token successor = 0; successor < 8; ++successor) table.Promote(1, successor);
  EXPECT_EQ(RowOf(table, 1), (Tokens{7, 6, 5, 4, 3, 2, 1, 0}));
  table.Promote(1, 4);
  EXPECT_EQ(RowOf(table, 1), (Tokens{4, 7, 6, 5, 3, 2, 1, 0}));
  table.Promote(1, 15);
  EXPECT_EQ(RowOf(table, 1), (Tokens{15, 4, 7, 6, 5, 3, 2, 1}));
}

TEST(AdjacencyDeathTest, TokensBeyondTheVocabularyAreAMistake) {
  Adjacency table;
  table.Reset(4);
  EXPECT_DEATH(table.Row(4), "token 4");
}

class TokenRecyclingTest : public ::testing::Test {
 protected:
  void Begin(const Tokens& prompt, const PrefillTap* tap = nullptr, TokenRecyclingDrafter drafter = {{}, {}}) {
    drafter_ = std::move(drafter);
    DraftContext context;
    context.target = &target_;
    context.prompt = prompt;
    context.prefill = tap;
    drafter_.Begin(context);
    history_ = prompt;
  }
  void Propose(const DraftBudget& budget) {
    tree_.Reset(history_.back());
    drafter_.Propose(history_, budget, tree_);
  }
  /// A round over `tree_` that accepted `path` and then emitted `next`; top: one row of 8 per node.
  void Observe(const std::vector<NodeId>& path, Token next, const Tokens& top) {
    Tokens emitted;
    for (size_t i = 1; i < path.size(); ++i) emitted.push_back(tree_.token(path[i]));
    emitted.push_back(next);
    drafter_.Observe({.tree = &tree_, .path = path, .emitted = emitted, .top_k = 8, .top = top});
    history_.insert(history_.end(), emitted.begin(), emitted.end());
  }
  Tokens Children(NodeId node) const {
    Tokens tokens;
    for (NodeId child = tree_.first_child(node); child >= 0; child = tree_.next_sibling(child)) {
      tokens.push_back(tree_.token(child));
    }
    return tokens;
  }

  static constexpr DraftBudget kFree{.max_nodes = 60, .max_depth = 5, .cost = PassCost(0.001)};
  DisturbedTarget target_{{.vocab = 200}};
  TokenRecyclingDrafter drafter_{{}, {}};
  Tokens history_;
  TokenTree tree_;
};

/// Row of 8 successors that starts with `best`.
Tokens Top(std::vector<Token> best) {
  for (Token filler = 190; best.size() < 8; ++filler) best.push_back(filler);
  return best;
}

Tokens Rows(const std::vector<Tokens>& rows) {
  Tokens all;
  for (const Tokens& row : rows) all.insert(all.end(), row.begin(), row.end());
  return all;
}

TEST_F(TokenRecyclingTest, ProposesNothingAfterATokenItKnowsNothingAbout) {
  Begin({1, 2, 3, 4});
  Propose(kFree);
  EXPECT_EQ(tree_.size(), 1);
}

TEST_F(TokenRecyclingTest, BigramsOfThePromptAreKnownLatestFirst) {
  Begin({5, 1, 5, 2, 5, 3, 5});
  Propose({.max_nodes = 3, .max_depth = 1, .cost = PassCost(0.001)});
  EXPECT_EQ(Children(0), (Tokens{3, 2, 1}));
}

TEST_F(TokenRecyclingTest, PromptRowsReplaceBigrams) {
  PrefillTap tap{.first_position = 2, .k = 8, .top = Rows({Top({40, 41}), Top({50, 51})})};
  Begin({7, 8, 5, 6, 5}, &tap);
  Propose({.max_nodes = 2, .max_depth = 1, .cost = PassCost(0.001)});
  EXPECT_EQ(Children(0), (Tokens{40, 41}));  // row of token 5 at position 2; token 6 stands at 3
}

TEST_F(TokenRecyclingTest, RejectedNodesAreWrittenBreadthFirstThenTheAcceptedPath) {
  Begin({1, 2});
  // Token 9 stands at nodes 1 (accepted), 3 (rejected, depth 1) and 4 (rejected, depth 2).
  tree_.Reset(2);
  ASSERT_EQ(tree_.Add(0, 9), 1);
  ASSERT_EQ(tree_.Add(0, 30), 2);
  ASSERT_EQ(tree_.Add(2, 9), 3);
  ASSERT_EQ(tree_.Add(0, 31), 4);
  ASSERT_EQ(tree_.Add(1, 31), 5);
  Observe({0, 1}, 9, Rows({Top({60}), Top({61}), Top({62}), Top({63}), Top({64}), Top({65})}));
  Propose({.max_nodes = 1, .max_depth = 1, .cost = PassCost(0.001)});
  EXPECT_EQ(Children(0), Tokens{61}) << "the accepted node wins over the rejected one";
  history_.push_back(31);
  Propose({.max_nodes = 1, .max_depth = 1, .cost = PassCost(0.001)});
  EXPECT_EQ(Children(0), Tokens{65}) << "of rejected nodes the deeper one is written later";
  history_.push_back(30);
  Propose({.max_nodes = 1, .max_depth = 1, .cost = PassCost(0.001)});
  EXPECT_EQ(Children(0), Tokens{62}) << "rejected nodes count too";
}

TEST_F(TokenRecyclingTest, GrowthIsBestFirstAndTopological) {
  PrefillTap tap{.first_position = 0, .k = 8, .top = Rows({Top({2, 3}), Top({1, 4}), Top({5})})};
  Begin({1, 2, 3, 1}, &tap);
  Propose({.max_nodes = 60, .max_depth = 4, .cost = PassCost(0.02)});
  ASSERT_GT(tree_.size(), 8);
  EXPECT_EQ(tree_.token(1), 2);
  EXPECT_EQ(tree_.token(2), 1) << "0.4 * 0.4 comes before the second child of the root";
  EXPECT_LE(tree_.max_depth(), 4);
  const int64_t free_size = tree_.size();
  Propose({.max_nodes = 60, .max_depth = 4, .cost = PassCost(0.2)});
  EXPECT_EQ(tree_.size(), 2) << "only the root's best child is likelier than 0.2";
  Propose({.max_nodes = 4, .max_depth = 4, .cost = PassCost(0.02)});
  EXPECT_EQ(tree_.size(), 5);
  EXPECT_GT(free_size, tree_.size());
  Propose({.max_nodes = 0, .max_depth = 4, .cost = PassCost(0.02)});
  EXPECT_EQ(tree_.size(), 1);
}

TEST_F(TokenRecyclingTest, RanksThatNeverHitLoseTheirNodes) {
  PrefillTap tap{.first_position = 0, .k = 8, .top = Rows({Top({2}), Top({1})})};
  Begin({1, 2, 1}, &tap);
  const DraftBudget budget{.max_nodes = 60, .max_depth = 3, .cost = PassCost(0.05)};
  Propose(budget);
  EXPECT_GT(tree_.size(), 1);
  for (int round = 0; round < 200; ++round) {  // always another token than all eight
    Propose(budget);
    std::vector<Tokens> rows(tree_.size(), Top({2}));
    Observe({0}, static_cast<Token>(20 + round % 100), Rows(rows));
    history_.back() = 1;
  }
  Propose(budget);
  EXPECT_EQ(tree_.size(), 1);
}

TEST_F(TokenRecyclingTest, AShapeFixesTheLevels) {
  PrefillTap tap{.first_position = 0, .k = 8, .top = Rows({Top({2, 3}), Top({1, 4}), Top({5}), Top({2})})};
  Begin({1, 2, 3, 4, 1}, &tap, {{}, {.shape = "3,5,1"}});
  Propose({.max_nodes = 60, .max_depth = 8, .cost = PassCost(0.9)});
  std::vector<int> level(4);
  for (NodeId node = 1; node < tree_.size(); ++node) ++level[tree_.depth(node)];
  EXPECT_EQ(level, (std::vector<int>{0, 3, 5, 1}));
  Propose({.max_nodes = 4, .max_depth = 8, .cost = PassCost(0.9)});
  EXPECT_EQ(tree_.size(), 5);
  Propose({.max_nodes = 60, .max_depth = 1, .cost = PassCost(0.9)});
  EXPECT_EQ(tree_.size(), 4);
}

TEST_F(TokenRecyclingTest, ConfiguredLimitsAreKept) {
  PrefillTap tap{.first_position = 0, .k = 8, .top = Rows({Top({2, 3}), Top({1, 4}), Top({5}), Top({2})})};
  Begin({1, 2, 3, 4, 1}, &tap, {{}, {.mode = "off"}});
  Propose(kFree);
  EXPECT_TRUE(tree_.is_chain());
  EXPECT_GT(tree_.size(), 2);
  Begin({1, 2, 3, 4, 1}, &tap, {{}, {.mode = "off", .shape = "4,4"}});
  Propose(kFree);
  EXPECT_TRUE(tree_.is_chain());
  EXPECT_EQ(tree_.size(), 3);
  Begin({1, 2, 3, 4, 1}, &tap, {{}, {.topk = 2}});
  Propose(kFree);
  for (NodeId node = 0; node < tree_.size(); ++node) EXPECT_LE(Children(node).size(), 2u);
  Begin({1, 2, 3, 4, 1}, &tap, {{}, {.budget = 7}});
  Propose(kFree);
  EXPECT_EQ(tree_.size(), 8);
  Begin({1, 2, 3, 4, 1}, &tap, {{.n_max = 6}, {}});
  Propose(kFree);
  EXPECT_EQ(tree_.size(), 7);
  Begin({1, 2, 3, 4, 1}, &tap, {{.p_min = 0.3}, {}});
  Propose(kFree);
  EXPECT_EQ(tree_.size(), 2);
  Begin({1, 2, 3, 4, 1}, &tap, {{.n_min = 2, .p_min = 0.3}, {}});
  Propose(kFree);
  EXPECT_EQ(tree_.size(), 1);
}

TEST_F(TokenRecyclingTest, BeginForgetsThePreviousGeneration) {
  Begin({5, 1, 5});
  Propose(kFree);
  EXPECT_GT(tree_.size(), 1);
  TokenRecyclingDrafter same = drafter_;
  Begin({3, 5}, nullptr, same);
  Propose(kFree);
  EXPECT_EQ(tree_.size(), 1);
}

}  // namespace
}  // namespace longshot
