#pragma once

#include <vector>

#include "runtime/spec/verifier.h"

namespace longshot {

/// Recursive rejection sampling over a tree. At a node with law p the residual R starts as p, its mass M as 1, and the
/// children x are tried in draw order:
/// - deterministic: accepted with R(x) / M; else R(x) = 0;
/// - drawn from Q: accepted with min(1, R(x) / (M Q(x))); else R = max(R - M Q, 0). Q is the stored draft law,
///   without replacement restricted to tokens not tried here yet.
/// When none is accepted the next token is drawn from R / M. The output law is exactly p; the draws differ from plain
/// decoding's. Deterministic and drawn children may be mixed, in any order that the drawing respected.
/// Source: Leviathan et al. 2022, arXiv 2211.17192, algorithm 1 (a chain); Jeon et al. 2024, arXiv 2402.14160, and
/// Chen et al. 2024, "Sequoia", arXiv 2402.12374, algorithm 2 (without replacement). Scratch memory is kept inside: one
/// object is not to be used by two threads at once.
class RejectionRule final : public Verifier {
 public:
  std::string_view name() const override { return "rejection"; }
  Exactness exactness() const override { return Exactness::kDistribution; }
  bool coupled() const override { return false; }
  /// REQUIRES: every parent of drawn children has a law that gives them positive weight.
  void Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise& noise, RandomSource& random,
              Verdict& verdict) const override;

 private:
  /// Tries the children of `node`. Returns the accepted one, or -1 with the residual's draw in `next`.
  NodeId Step(const TokenTree& tree, NodeId node, const Distribution& law, RandomSource& random, Token& next) const;
  /// R = max(R - scale * draft weights, 0). Tokens tried before have no residual left, so they need no exception.
  void Subtract(const Distribution& law, const DraftLaw& draft, double scale) const;
  bool Tried(Token token) const;

  mutable std::vector<double> residual_;  ///< parallel to the target law's ids
  mutable std::vector<Token> tried_;
};

}  // namespace longshot
