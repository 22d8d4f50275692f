#include "verifier/rejection.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {
namespace {

/// A residual of less mass was reached with a probability that rounding could have made: sampling p instead
/// of dividing noise by it changes the law by less.
constexpr double kLeastMass = 1e-7;

/// Index of `token` in the law's support, or -1.
int64_t IndexOf(const Distribution& law, Token token) {
  const auto at = std::lower_bound(law.ids.begin(), law.ids.end(), token);
  return at != law.ids.end() && *at == token ? at - law.ids.begin() : -1;
}

double Sum(std::span<const double> values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum;
}

}  // namespace

void RejectionRule::Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise&, RandomSource& random,
                           Verdict& verdict) const {
  verdict.path.clear();
  tried_.reserve(tree.capacity());
  for (NodeId node = 0; node >= 0;) {
    verdict.path.push_back(node);
    node = Step(tree, node, rows.At(node), random, verdict.next);
  }
}

NodeId RejectionRule::Step(const TokenTree& tree, NodeId node, const Distribution& law, RandomSource& random,
                           Token& next) const {
  residual_.reserve(law.probabilities.capacity());
  residual_.assign(law.probabilities.begin(), law.probabilities.end());
  tried_.clear();
  double mass = 1.0;
  uint32_t index = 0;
  for (NodeId child = tree.first_child(node); child >= 0; child = tree.next_sibling(child), ++index) {
    const Token token = tree.token(child);
    const int64_t at = IndexOf(law, token);
    const double here = at < 0 ? 0.0 : residual_[at];
    if (tree.kind(child) == ProposalKind::kDeterministic) {
      if (random.Bernoulli(child, index, std::min(1.0, here / mass))) return child;
      if (at >= 0) residual_[at] = 0.0;
    } else {
      const DraftLaw* draft = tree.Law(node);
      CHECK(draft != nullptr, "node {} has drawn children and no law", node);
      const bool replacement = tree.kind(child) == ProposalKind::kSampledReplacement;
      double untried = 0;
      for (size_t i = 0; i < draft->ids.size(); ++i) {
        if (replacement || !Tried(draft->ids[i])) untried += draft->probabilities[i];
      }
      const double weight = draft->Probability(token);
      CHECK(weight > 0, "token {} was drawn from a law that excludes it", token);
      const double chance = here * untried / (mass * weight);
      if (random.Bernoulli(child, index, std::min(1.0, chance))) return child;
      Subtract(law, *draft, mass / untried);
    }
    tried_.push_back(token);
    mass = Sum(residual_);
    if (mass < kLeastMass) {
      residual_.assign(law.probabilities.begin(), law.probabilities.end());
      break;
    }
  }
  next = law.ids[random.Categorical(node, residual_)];
  return -1;
}

void RejectionRule::Subtract(const Distribution& law, const DraftLaw& draft, double scale) const {
  for (size_t i = 0; i < draft.ids.size(); ++i) {
    const int64_t at = IndexOf(law, draft.ids[i]);
    if (at >= 0) residual_[at] = std::max(0.0, residual_[at] - scale * draft.probabilities[i]);
  }
}

bool RejectionRule::Tried(Token token) const { return std::find(tried_.begin(), tried_.end(), token) != tried_.end(); }

}  // namespace longshot
