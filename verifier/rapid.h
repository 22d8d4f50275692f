#pragma once

#include <vector>

#include "runtime/spec/verifier.h"

namespace longshot {

/// Where the drafter's knowledge is kept out of the enriched law.
enum class MarginGuard : uint8_t {
  kDraft,     ///< only tokens that the drafter finds plausible are shifted: q >= 0.1 max q (the authors' code)
  kEnriched,  ///< tokens that stay implausible keep p: where p^ < 0.1 max p^; then renormalised (equation 9)
};

/// RAPID's rule for chains: the target's law p is enriched by what the drafter, which read other text, believes.
///
///   p^ = softmax(z / T + eta guard (q - p))      accept x with min(1, p^(x) / q(x))
///   on rejection from norm(max(p - min(q, p^), 0)), behind the last token from p
///
/// With m = min(q, p^) the law of a drafted position is m + (1 - sum m) norm(max(p - m, 0)): for eta above 0 another
/// model's, and `Verdict::shift` adds its distance from p. eta = 0 is ordinary speculative sampling. A deterministic
/// candidate counts as drawn from a point mass.
///
/// Of an answer asked for at temperature 0 the laws are taken at temperature 1 and nothing is drawn: a drafted token is
/// accepted while it is the likeliest of p^, which takes its place otherwise; behind the last one stands p's. The paper
/// leaves this case open. Source: Chen et al. 2025, "RAPID", arXiv 2502.20330, equations 6 to 10, algorithm 1; guard as
/// in its code. Scratch memory is kept inside: not to be used by two threads at once.
class RapidRule final : public Verifier {
 public:
  /// `greedy`: of answers at temperature 0.
  RapidRule(double eta, MarginGuard guard, bool greedy) : eta_(eta), guard_(guard), greedy_(greedy) {}

  std::string_view name() const override { return "rapid"; }
  Exactness exactness() const override { return eta_ > 0 ? Exactness::kChangesModel : Exactness::kDistribution; }
  bool coupled() const override { return false; }
  bool argmax() const override { return greedy_; }
  bool trees() const override { return false; }
  SamplingConfig LawsFor(const SamplingConfig& asked) const override;
  /// REQUIRES: a chain; the parent of a drawn child has a law that gives it positive weight.
  void Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise& noise, RandomSource& random,
              Verdict& verdict) const override;

 private:
  /// q on the support of p, and p^ there.
  void Enrich(const TokenTree& tree, NodeId node, NodeId child, const Distribution& law) const;
  void GuardEnriched(const Distribution& law) const;
  /// The child, or -1 with the residual's draw in `next`; adds to `shift`.
  NodeId Step(NodeId node, NodeId child, const Distribution& law, Token drafted, RandomSource& random,
              Verdict& verdict) const;

  /// The same without draws.
  NodeId StepGreedy(NodeId child, const Distribution& law, Token drafted, Verdict& verdict) const;

  double eta_;
  MarginGuard guard_;
  bool greedy_;
  mutable std::vector<double> draft_, enriched_, residual_;  ///< parallel to the target law's ids
  mutable double draft_of_child_ = 0;                        ///< q(x), also where p excludes x
};

}  // namespace longshot
