#include "runtime/spec/token_tree.h"

#include <gtest/gtest.h>

#include <set>

#include "core/rng.h"

namespace longshot {
namespace {

uint32_t Random(uint64_t seed, int step, uint32_t bound) {
  return static_cast<uint32_t>(Uniform({.seed = seed, .node = step, .purpose = DrawPurpose::kTest}) * bound);
}

TokenTree RandomTree(uint64_t seed) {
  TokenTree tree(3);
  const int steps = static_cast<int>(Random(seed, -1, 40));
  for (int i = 0; i < steps; ++i) {
    tree.Add(static_cast<NodeId>(Random(seed, 2 * i, static_cast<uint32_t>(tree.size()))),
             static_cast<Token>(Random(seed, 2 * i + 1, 6)));
  }
  return tree;
}

TEST(TokenTree, RandomTreesKeepTheirProperties) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const TokenTree tree = RandomTree(seed);
    const RowTopology topology = tree.Topology(1000);
    ASSERT_EQ(topology.rows(), tree.size());
    EXPECT_EQ(topology.base, 1000);
    int32_t deepest = 0;
    bool chain = true;
    for (NodeId node = 0; node < tree.size(); ++node) {
      ASSERT_EQ(topology.parent[node], tree.parent(node));
      deepest = std::max(deepest, tree.depth(node));
      if (node == 0) {
        EXPECT_EQ(tree.parent(0), -1);
        EXPECT_EQ(tree.depth(0), 0);
        continue;
      }
      ASSERT_LT(tree.parent(node), node);
      EXPECT_EQ(tree.depth(node), tree.depth(tree.parent(node)) + 1);
      EXPECT_EQ(tree.FindChild(tree.parent(node), tree.token(node)), node) << "deterministic siblings are distinct";
      chain = chain && tree.parent(node) == node - 1;
    }
    EXPECT_EQ(tree.max_depth(), deepest);
    EXPECT_EQ(tree.is_chain(), chain) << "seed " << seed;
  }
}

TEST(TokenTree, ChildrenAreListedOnceInTheOrderTheyWereAdded) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const TokenTree tree = RandomTree(seed);
    std::set<NodeId> seen;
    for (NodeId node = 0; node < tree.size(); ++node) {
      NodeId last = -1;
      for (NodeId child = tree.first_child(node); child >= 0; child = tree.next_sibling(child)) {
        EXPECT_EQ(tree.parent(child), node);
        EXPECT_GT(child, last);
        EXPECT_TRUE(seen.insert(child).second);
        last = child;
      }
    }
    EXPECT_EQ(std::ssize(seen), tree.size() - 1);
  }
}

TEST(TokenTree, OnlyDeterministicDuplicatesAreMerged) {
  TokenTree tree(0);
  const NodeId first = tree.Add(0, 5);
  EXPECT_EQ(tree.Add(0, 5), first);
  EXPECT_EQ(tree.size(), 2);
  const NodeId drawn = tree.Add(0, 5, ProposalKind::kSampledReplacement);
  EXPECT_NE(drawn, first);
  EXPECT_NE(tree.Add(0, 5, ProposalKind::kSampledReplacement), drawn);
  EXPECT_EQ(tree.size(), 4);
  EXPECT_EQ(tree.FindChild(0, 5), first);
  EXPECT_DEATH(tree.Add(0, 5, ProposalKind::kSampledNoReplacement), "token 5 drawn twice without replacement");
  EXPECT_NE(tree.Add(first, 5), first) << "the same token further down is another node";
}

TEST(TokenTree, LawsAreKeptAsTheyWereUntilTheNextRound) {
  TokenTree tree(0);
  tree.Add(0, 1);
  EXPECT_EQ(tree.Law(0), nullptr);
  tree.SetLaw(0, {.ids = {2, 9}, .probabilities = {0.25f, 0.5f}});
  tree.SetLaw(1, {.ids = {4}, .probabilities = {1.0f}});
  EXPECT_EQ(tree.Law(0)->Probability(9), 0.5);
  EXPECT_EQ(tree.Law(0)->Probability(3), 0.0);
  EXPECT_EQ(tree.Law(1)->ids, (std::vector<Token>{4}));
  tree.Reset(7);
  EXPECT_EQ(tree.Law(0), nullptr);
  EXPECT_EQ(tree.size(), 1);
  EXPECT_EQ(tree.token(0), 7);
  EXPECT_TRUE(tree.is_chain());
}

TEST(TokenTree, MisuseIsNoticed) {
  TokenTree tree(0);
  EXPECT_DEATH(tree.Add(1, 5), "parent 1 of 1 nodes");
  EXPECT_DEATH(tree.Add(0, kNoToken), "token -1");
  EXPECT_DEATH(tree.SetLaw(0, {.ids = {2, 1}, .probabilities = {0.5f, 0.5f}}), "must ascend");
  EXPECT_DEATH(tree.SetLaw(0, {.ids = {1}, .probabilities = {0.0f}}), "every draft weight is 0");
  EXPECT_DEATH(tree.SetLaw(0, {.ids = {1}, .probabilities = {-0.1f}}), "draft weight -0.1");
  tree.SetLaw(0, {.ids = {1}, .probabilities = {1.0f}});
  EXPECT_DEATH(tree.SetLaw(0, {.ids = {1}, .probabilities = {1.0f}}), "node 0 has a law");
}

}  // namespace
}  // namespace longshot
