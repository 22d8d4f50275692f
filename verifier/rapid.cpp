#include "verifier/rapid.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace longshot {
namespace {

/// Tokens less likely than this share of the likeliest are implausible.
constexpr double kPlausible = 0.1;
/// A residual of less mass is what rounding left of none: p is sampled instead.
constexpr double kLeastMass = 1e-7;

void Normalise(std::vector<double>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
}

}  // namespace

void RapidRule::Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise&, RandomSource& random,
                       Verdict& verdict) const {
  verdict.path.clear(), verdict.shift = 0;
  for (NodeId node = 0; node >= 0;) {
    verdict.path.push_back(node);
    const Distribution& law = rows.At(node);
    const NodeId child = tree.first_child(node);
    if (child < 0) {
      residual_.assign(law.probabilities.begin(), law.probabilities.end());
      verdict.next = greedy_ ? law.Argmax() : law.ids[static_cast<size_t>(random.Categorical(node, residual_))];
      return;
    }
    CHECK(tree.next_sibling(child) < 0, "the rule rapid verifies chains, node {} has siblings", child);
    Enrich(tree, node, child, law);
    node = greedy_ ? StepGreedy(child, law, tree.token(child), verdict)
                   : Step(node, child, law, tree.token(child), random, verdict);
  }
}

void RapidRule::Enrich(const TokenTree& tree, NodeId node, NodeId child, const Distribution& law) const {
  const DraftLaw* stored = tree.kind(child) == ProposalKind::kDeterministic ? nullptr : tree.Law(node);
  CHECK(stored != nullptr || tree.kind(child) == ProposalKind::kDeterministic, "node {} has no draft law", node);
  const Token drafted = tree.token(child);
  const auto draft = [&](Token token) {
    if (stored == nullptr) return token == drafted ? 1.0 : 0.0;
    return stored->Probability(token);
  };
  draft_of_child_ = draft(drafted);
  CHECK(draft_of_child_ > 0, "token {} was drawn from a law that excludes it", drafted);
  double likeliest = draft_of_child_;
  if (stored != nullptr) likeliest = *std::max_element(stored->probabilities.begin(), stored->probabilities.end());
  draft_.clear(), enriched_.clear();
  for (size_t i = 0; i < law.ids.size(); ++i) {
    const double p = law.probabilities[i], q = draft(law.ids[i]);
    const bool shifted = guard_ == MarginGuard::kEnriched || q >= kPlausible * likeliest;
    draft_.push_back(q);
    enriched_.push_back(shifted ? eta_ * (q - p) : 0);
  }
  // The largest exponent is taken out of all: none overflows, and they do not all vanish.
  for (size_t i = 0; i < enriched_.size(); ++i) enriched_[i] += law.log_weights[i];
  const double largest = *std::max_element(enriched_.begin(), enriched_.end());
  for (double& weight : enriched_) weight = std::exp(weight - largest);
  Normalise(enriched_);
  if (guard_ == MarginGuard::kEnriched) GuardEnriched(law);
}

void RapidRule::GuardEnriched(const Distribution& law) const {
  const double least = kPlausible * *std::max_element(enriched_.begin(), enriched_.end());
  for (size_t i = 0; i < enriched_.size(); ++i) {
    if (enriched_[i] < least) enriched_[i] = law.probabilities[i];
  }
  Normalise(enriched_);
}

SamplingConfig RapidRule::LawsFor(const SamplingConfig& asked) const {
  SamplingConfig laws = asked;
  if (greedy_ && eta_ > 0) laws.temperature = 1;  // point masses could not be shifted
  return laws;
}

NodeId RapidRule::StepGreedy(NodeId child, const Distribution& law, Token drafted, Verdict& verdict) const {
  const auto likeliest = std::max_element(enriched_.begin(), enriched_.end()) - enriched_.begin();
  const Token chosen = law.ids[static_cast<size_t>(likeliest)];
  verdict.shift += chosen == law.Argmax() ? 0 : 1;
  verdict.next = chosen;
  return chosen == drafted ? child : -1;
}

NodeId RapidRule::Step(NodeId node, NodeId child, const Distribution& law, Token drafted, RandomSource& random,
                       Verdict& verdict) const {
  double chance = 0;
  residual_.clear();
  for (size_t i = 0; i < law.ids.size(); ++i) {
    const double p = law.probabilities[i], common = std::min(draft_[i], enriched_[i]);
    if (law.ids[i] == drafted) chance = std::min(1.0, enriched_[i] / draft_of_child_);
    residual_.push_back(std::max(0.0, p - common));
    verdict.shift += std::max(0.0, common - p);
  }
  if (random.Bernoulli(child, 0, chance)) return child;
  if (std::accumulate(residual_.begin(), residual_.end(), 0.0) < kLeastMass) {
    residual_.assign(law.probabilities.begin(), law.probabilities.end());
  }
  verdict.next = law.ids[static_cast<size_t>(random.Categorical(node, residual_))];
  return -1;
}

}  // namespace longshot
