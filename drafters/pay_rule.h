#pragma once

#include <algorithm>
#include <cstdint>

namespace longshot {

/// Acceptance frequency that starts at a prior worth `strength` observations; old ones, the prior included,
/// fade.
class AcceptanceRate {
 public:
  AcceptanceRate() = default;
  explicit AcceptanceRate(double prior, double strength = 4) : hits_(prior * strength), trials_(strength) {}

  double Estimate() const { return hits_ / trials_; }
  void Add(bool accepted) {
    hits_ = hits_ * kKeep + (accepted ? 1 : 0);
    trials_ = trials_ * kKeep + 1;
  }

 private:
  static constexpr double kKeep = 0.98;  ///< remembers about 50 observations

  double hits_ = 0, trials_ = 1;
};

/// The rule that sizes every proposal: a piece of work pays iff the probability that it yields a token
/// exceeds what its cost yields on average. Costs are in single-row passes of the target; the average is
/// counted in tokens per such pass over past rounds. The prices themselves are timed once at start-up or given
/// (`ProposalConfig::row_cost`): a run with given prices reads no clock and can be repeated. Plain decoding
/// yields 1. Source: renewal-reward argument; for chains the optimum is that of Chen et al. 2024
/// "Sequoia" (arXiv 2402.12374).
class PayRule {
 public:
  bool Pays(double probability, double cost) const { return probability > Yield() * cost; }
  /// Tokens per unit of cost, at least 1.
  double Yield() const { return std::max(1.0, tokens_ / cost_); }
  /// One round: what it emitted and what it cost.
  void Count(double emitted, double cost) {
    tokens_ = tokens_ * kKeep + emitted;
    cost_ = cost_ * kKeep + cost;
  }

 private:
  static constexpr double kKeep = 31.0 / 32;

  double tokens_ = 8, cost_ = 8;  ///< as if 8 rounds had been plain
};

}  // namespace longshot
