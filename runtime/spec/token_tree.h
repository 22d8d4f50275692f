#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"
#include "kernels/kernels.h"

namespace longshot {

/// How a node's token was chosen, which decides how it may be verified and whether it may be pruned.
enum class ProposalKind : uint8_t {
  kDeterministic,         ///< a candidate that depends on no fresh randomness (coupled draws included)
  kSampledNoReplacement,  ///< drawn from the parent's law restricted to tokens not among the earlier siblings
  kSampledReplacement,    ///< drawn from the parent's whole law
};

/// A sparse probability law: ascending ids with their probabilities, exactly the law that was drawn from.
struct DraftLaw {
  std::vector<Token> ids;
  std::vector<float> probabilities;

  /// 0 outside the support.
  double Probability(Token token) const;
};

/// A tree of proposed tokens. Node 0 is the pending token. Nodes stand in topological order (parent < child);
/// siblings stand in draw order. A chain is a tree of width 1.
class TokenTree {
 public:
  TokenTree() = default;
  explicit TokenTree(Token pending) { Reset(pending); }

  /// Makes room for `nodes` nodes, the root included. Laws take their memory when a proposal first carries that many.
  void Reserve(int64_t nodes);
  /// Back to the root alone; keeps memory.
  void Reset(Token pending);
  /// Adds a child of `parent`, after its earlier siblings in draw order. Returns its node.
  /// A deterministic token already among the siblings is not added twice: its node is returned. A token drawn
  /// with replacement is always added, duplicates included: merging a drawn token would bias the output.
  /// REQUIRES: 0 <= parent < size; token >= 0; a token drawn without replacement is new among its siblings
  /// (deterministic ones stand first and are excluded from the law before drawing).
  NodeId Add(NodeId parent, Token token, ProposalKind kind = ProposalKind::kDeterministic);
  /// The law from which the sampled children of `parent` were drawn, copied. Weights need not sum to 1: draws
  /// are in proportion to them. REQUIRES: ascending ids, finite weights >= 0, not all 0; set once per node.
  void SetLaw(NodeId parent, const DraftLaw& law);
  /// nullptr when none was set. Valid until the tree changes.
  const DraftLaw* Law(NodeId parent) const;

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  int64_t capacity() const { return static_cast<int64_t>(tokens_.capacity()); }
  Token token(NodeId node) const { return tokens_[node]; }
  NodeId parent(NodeId node) const { return parents_[node]; }
  int32_t depth(NodeId node) const { return depths_[node]; }
  ProposalKind kind(NodeId node) const { return kinds_[node]; }
  std::span<const Token> tokens() const { return tokens_; }
  NodeId first_child(NodeId node) const { return first_child_[node]; }    ///< -1: none
  NodeId next_sibling(NodeId node) const { return next_sibling_[node]; }  ///< -1: none
  /// The first child of `node` that holds `token`, or -1.
  NodeId FindChild(NodeId node, Token token) const;
  bool is_chain() const { return chain_; }
  int32_t max_depth() const;
  /// For a pass over committed rows [0, base). Valid until the tree changes.
  RowTopology Topology(int64_t base) const { return {base, parents_, depths_, chain_}; }

 private:
  std::vector<Token> tokens_;
  std::vector<int32_t> parents_, depths_, first_child_, last_child_, next_sibling_;
  std::vector<ProposalKind> kinds_;
  std::vector<std::pair<NodeId, DraftLaw>> laws_;  ///< the first law_count_ are set; the rest keep their memory
  int64_t law_count_ = 0;
  bool chain_ = true;
};

}  // namespace longshot
