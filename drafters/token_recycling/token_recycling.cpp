#include "drafters/token_recycling/token_recycling.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {
namespace {

/// First guesses of the chance that the successor of each rank comes next. A few rounds replace them.
constexpr std::array<double, Adjacency::kRow> kPriors = {0.40, 0.13, 0.07, 0.045, 0.03, 0.022, 0.017, 0.013};

/// Nodes less likely than this are not looked at, so that growing a tree stays cheap.
constexpr double kLeastAccepted = 0.005;

}  // namespace

TokenRecyclingDrafter::TokenRecyclingDrafter(const ProposalConfig& proposal, const TreeConfig& tree)
    : proposal_(proposal), tree_(tree), shape_(ParseTreeShape(tree.shape)) {
  if (tree.mode == "off") {
    tree_.topk = 1;
    std::fill(shape_.begin(), shape_.end(), 1);
  }
  ResetRates();
}

bool TokenRecyclingDrafter::Later(const Candidate& a, const Candidate& b) {
  if (a.accepted != b.accepted) return a.accepted < b.accepted;
  if (a.parent != b.parent) return a.parent > b.parent;
  return a.rank > b.rank;
}

void TokenRecyclingDrafter::ResetRates() {
  for (auto& depth : rates_) {
    for (int rank = 0; rank < Adjacency::kRow; ++rank) depth[rank] = AcceptanceRate(kPriors[rank], 8);
  }
}

AcceptanceRate& TokenRecyclingDrafter::Rate(int32_t depth, int32_t rank) {
  return rates_[std::min(depth, kRateDepths - 1)][rank];
}

void TokenRecyclingDrafter::Begin(const DraftContext& context) {
  successors_.Reset(context.target->vocab_size());
  const std::span<const Token> prompt = context.prompt;
  for (size_t i = 0; i + 1 < prompt.size(); ++i) successors_.Promote(prompt[i], prompt[i + 1]);
  if (const PrefillTap* tap = context.prefill; tap != nullptr && tap->k > 0) {
    const size_t k = tap->k;
    CHECK(tap->first_position + tap->top.size() / k <= prompt.size(), "taps of rows beyond the prompt");
    for (size_t row = 0; (row + 1) * k <= tap->top.size(); ++row) {
      const std::span<const Token> top = std::span(tap->top).subspan(row * k, k);
      successors_.Write(prompt[tap->first_position + row], top.first(std::min<size_t>(k, Adjacency::kRow)));
    }
  }
  candidates_.reserve((1 + context.max_nodes) * Adjacency::kRow);
  for (std::vector<NodeId>* level : {&level_, &next_level_}) level->reserve(1 + context.max_nodes);
  path_accepted_.reserve(1 + context.max_nodes);
  picks_.reserve(context.max_nodes);
  survival_.reserve(context.max_nodes);
  ResetRates();
  pay_ = {};
  survival_.clear();
  idle_ = {};
}

ProposalLimits TokenRecyclingDrafter::Limits(const DraftBudget& budget) const {
  ProposalLimits limits{budget.max_nodes, budget.max_depth};
  if (proposal_.n_max > 0) limits.nodes = std::min(limits.nodes, proposal_.n_max);
  if (tree_.budget > 0) limits.nodes = std::min(limits.nodes, tree_.budget);
  return limits;
}

void TokenRecyclingDrafter::Expand(const TokenTree& tree, NodeId node, double accepted, double least) {
  const std::span<const Token> row = successors_.Row(tree.token(node));
  const int32_t ranks = static_cast<int32_t>(std::min<int64_t>(static_cast<int64_t>(row.size()), tree_.topk));
  for (int32_t rank = 0; rank < ranks; ++rank) {
    const double path = accepted * Rate(tree.depth(node), rank).Estimate();
    if (path > least) candidates_.push_back({path, node, rank});
  }
}

void TokenRecyclingDrafter::Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) {
  CHECK(!history.empty() && history.back() == tree.token(0), "the tree's root is not the pending token");
  cost_ = budget.cost;
  survival_.clear();
  const ProposalLimits limits = Limits(budget);
  if (limits.nodes <= 0 || limits.depth <= 0) return;
  if (!shape_.empty()) {
    GrowShape(limits, tree);
  } else {
    GrowBestFirst(limits, budget, tree);
  }
  if (tree.size() == 1) {
    ++(successors_.Row(tree.token(0)).empty() ? idle_.no_candidate : idle_.would_not_pay);
  } else if (tree.size() - 1 < proposal_.n_min) {
    ++idle_.below_n_min;
    survival_.clear();
    tree.Reset(tree.token(0));
  }
}

void TokenRecyclingDrafter::GrowBestFirst(const ProposalLimits& limits, const DraftBudget& budget, TokenTree& tree) {
  const double least = std::max(proposal_.p_min, kLeastAccepted);
  BestSize best_size(pay_.Yield(budget), budget.cost);
  candidates_.clear();
  path_accepted_.assign(1, 1.0);
  Expand(tree, 0, 1.0, least);
  std::make_heap(candidates_.begin(), candidates_.end(), Later);
  while (!candidates_.empty() && tree.size() - 1 < limits.nodes) {
    std::pop_heap(candidates_.begin(), candidates_.end(), Later);
    const Candidate best = candidates_.back();
    candidates_.pop_back();
    const NodeId node = tree.Add(best.parent, successors_.Row(tree.token(best.parent))[best.rank]);
    path_accepted_.push_back(best.accepted);
    best_size.Add(best.accepted);
    if (tree.depth(node) >= limits.depth) continue;
    const size_t before = candidates_.size();
    Expand(tree, node, best.accepted, least);
    for (size_t end = before + 1; end <= candidates_.size(); ++end) {
      std::push_heap(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(end), Later);
    }
  }
  Cut(best_size.size(), tree);
}

void TokenRecyclingDrafter::Cut(int64_t nodes, TokenTree& tree) {
  if (nodes < tree.size() - 1) {
    picks_.clear();
    for (NodeId node = 1; node <= nodes; ++node) picks_.push_back({tree.parent(node), tree.token(node)});
    tree.Reset(tree.token(0));
    for (const Pick& pick : picks_) tree.Add(pick.parent, pick.token);
  }
  survival_.assign(tree.max_depth(), 0.0);
  for (NodeId node = 1; node < tree.size(); ++node) survival_[tree.depth(node) - 1] += path_accepted_[node];
}

void TokenRecyclingDrafter::GrowShape(const ProposalLimits& limits, TokenTree& tree) {
  level_.assign(1, 0);
  path_accepted_.assign(1, 1.0);
  for (size_t depth = 0; depth < shape_.size() && static_cast<int64_t>(depth) < limits.depth; ++depth) {
    candidates_.clear();
    for (NodeId node : level_) Expand(tree, node, path_accepted_[node], 0.0);
    std::sort(candidates_.begin(), candidates_.end(), [](const auto& a, const auto& b) { return Later(b, a); });
    const int64_t room = std::min(shape_[depth], limits.nodes - (tree.size() - 1));
    candidates_.resize(std::min<size_t>(candidates_.size(), room));
    next_level_.clear();
    for (const Candidate& c : candidates_) {
      next_level_.push_back(tree.Add(c.parent, successors_.Row(tree.token(c.parent))[c.rank]));
      path_accepted_.push_back(c.accepted);
    }
    level_.swap(next_level_);
  }
  Cut(tree.size() - 1, tree);
}

void TokenRecyclingDrafter::CountRanks(const RoundView& round) {
  for (size_t i = 0; i < round.path.size() && i < round.emitted.size(); ++i) {
    const NodeId node = round.path[i];
    const std::span<const Token> row = successors_.Row(round.tree->token(node));
    for (size_t rank = 0; rank < row.size(); ++rank) {
      Rate(round.tree->depth(node), static_cast<int32_t>(rank)).Add(row[rank] == round.emitted[i]);
    }
  }
}

/// Rejected nodes first, breadth first, then the accepted path: where a token stands at several nodes, what
/// was true wins over what was not.
void TokenRecyclingDrafter::Recycle(const RoundView& round) {
  const auto write = [&](NodeId node) {
    const std::span<const Token> top = round.top.subspan(static_cast<size_t>(node) * round.top_k, round.top_k);
    successors_.Write(round.tree->token(node), top.first(std::min<size_t>(top.size(), Adjacency::kRow)));
  };
  const int32_t deepest = round.tree->max_depth();
  for (int32_t depth = 1; depth <= deepest; ++depth) {
    const NodeId accepted = static_cast<size_t>(depth) < round.path.size() ? round.path[depth] : -1;
    for (NodeId node = 1; node < round.tree->size(); ++node) {
      if (round.tree->depth(node) == depth && node != accepted) write(node);
    }
  }
  for (NodeId node : round.path) write(node);
}

void TokenRecyclingDrafter::Observe(const RoundView& round) {
  CountRanks(round);
  if (round.top_k > 0) Recycle(round);
  pay_.Count(static_cast<double>(round.emitted.size()), cost_(round.tree->size()));
}

}  // namespace longshot
