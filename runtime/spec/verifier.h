#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "runtime/spec/drafter.h"
#include "runtime/spec/sampler.h"
#include "runtime/spec/token_tree.h"

namespace longshot {

/// Outcome of one verification: the accepted path and the token after it, which becomes pending.
struct Verdict {
  std::vector<NodeId> path;  ///< root first, so never empty
  Token next = kNoToken;
  /// Total variation between the laws that accepted or rejected the drafted tokens and the target's, summed over the
  /// positions that were decided; 0 of exact rules.
  double shift = 0;
};

/// The target's laws at the nodes of a tree, made on demand: only nodes on the accepted path are ever asked
/// for.
class TargetRows {
 public:
  virtual ~TargetRows() = default;
  /// Law after the node, processors applied with history = committed + path of the node. Valid until the next
  /// call.
  virtual const Distribution& At(NodeId node) = 0;
  /// Absolute position of the token that follows the node.
  virtual int64_t NextPosition(NodeId node) const = 0;
};

/// Random decisions of a verification; a test enumerates all of them.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  /// True with probability `accept` in [0, 1]; never true when it is 0, always when it is 1. `index` counts
  /// the decisions at the node.
  virtual bool Bernoulli(NodeId node, uint32_t index, double accept) = 0;
  /// Index drawn in proportion to `weights` (not all 0); never an index of weight 0.
  virtual int64_t Categorical(NodeId node, std::span<const double> weights) = 0;
};

/// Counter-based draws keyed by (seed, sequence, round, node, purpose).
class KeyedRandom final : public RandomSource {
 public:
  KeyedRandom(uint64_t seed, SequenceId sequence, uint32_t round) : seed_(seed), sequence_(sequence), round_(round) {}
  bool Bernoulli(NodeId node, uint32_t index, double accept) override;
  int64_t Categorical(NodeId node, std::span<const double> weights) override;

 private:
  uint64_t seed_;
  SequenceId sequence_;
  uint32_t round_;
};

/// Decides which nodes survive. Seam: one file per rule; a pure function of its arguments, no state, no KV.
class Verifier {
 public:
  virtual ~Verifier() = default;
  virtual std::string_view name() const = 0;
  virtual Exactness exactness() const = 0;
  /// True when the rule couples: output independent of the drafter, drafters draw with the target's noise.
  virtual bool coupled() const = 0;
  /// True when it takes laws as they are, but no draw from them: drafters propose the likeliest token, with its law.
  virtual bool argmax() const { return false; }
  /// False when it takes chains only.
  virtual bool trees() const { return true; }
  /// The sampling under which it wants the laws of target and drafter, of an answer that was asked for with `asked`.
  virtual SamplingConfig LawsFor(const SamplingConfig& asked) const { return asked; }
  virtual void Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise& noise, RandomSource& random,
                      Verdict& verdict) const = 0;
};

/// Index drawn from `weights` (>= 0, not all 0) by inverting their running sum at u in [0, 1); never one of
/// weight 0.
int64_t InvertCumulative(std::span<const double> weights, double u);

/// argmax over the law of log p + Gumbel noise at `position`: the coupled draw of one token. With a point
/// mass it is that token.
Token CoupledDraw(const Distribution& law, const CoupledNoise& noise, int64_t position);

}  // namespace longshot
