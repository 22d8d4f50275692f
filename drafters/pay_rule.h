#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/spec/drafter.h"

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
/// counted in tokens per such pass over past rounds, unless the budget names it. The prices themselves come with
/// the budget. Plain decoding yields 1. Source: renewal-reward argument; for chains the optimum is that of Chen et
/// al. 2024 "Sequoia" (arXiv 2402.12374).
class PayRule {
 public:
  /// Tokens per unit of cost: the budget's, or what was counted, at least 1.
  double Yield(const DraftBudget& budget) const {
    return budget.yield > 0 ? budget.yield : std::max(1.0, tokens_ / cost_);
  }
  /// One round: what it emitted and what it cost.
  void Count(double emitted, double cost) {
    tokens_ = tokens_ * kKeep + emitted;
    cost_ = cost_ * kKeep + cost;
  }

 private:
  static constexpr double kKeep = 31.0 / 32;

  double tokens_ = 8, cost_ = 8;  ///< as if 8 rounds had been plain
};

/// The best size of a proposal whose tokens come in a fixed order: nodes are added one by one, and the size is kept at
/// which expected tokens less their price were most. A step of the cost curve is taken when what lies behind it pays
/// for it. `rows`: those that are verified anyway.
class BestSize {
 public:
  BestSize(double yield, const PassCost& cost, int64_t rows = 1) : yield_(yield), cost_(cost), rows_(rows) {}

  /// The next node, accepted with probability `accepted`.
  void Add(double accepted) {
    ++nodes_;
    tokens_ += accepted;
    const double gain = tokens_ - yield_ * (cost_(rows_ + nodes_) - cost_(rows_));
    if (gain <= gain_) return;
    gain_ = gain;
    size_ = nodes_;
  }
  /// 0: no size gains anything.
  int64_t size() const { return size_; }

 private:
  double yield_;
  const PassCost& cost_;
  int64_t rows_;
  double tokens_ = 0, gain_ = 0;
  int64_t nodes_ = 0, size_ = 0;
};

/// What a chain of drafted tokens is paid with.
struct ChainPrices {
  double yield = 1;
  double draft_cost = 0;  ///< of one token
  const PassCost& cost;   ///< of verification
};

/// The longest worthwhile continuation of a chain of `rows` rows, root included: its next token is accepted with
/// chance `next`, after `next_cost` of drafting, each further one with `rate` times the chance of the one before. At
/// most `most` tokens; 0: it does not pay.
inline int64_t BestContinuation(const ChainPrices& prices, int64_t rows, double next, double next_cost, double rate,
                                int64_t most) {
  double gain = 0, best = 0, spent = next_cost;
  int64_t length = 0;
  for (int64_t n = 1; n <= most; ++n) {
    gain += next;
    const double net = gain - prices.yield * (spent + prices.cost(rows + n) - prices.cost(rows));
    if (net > best) {
      best = net;
      length = n;
    }
    next *= rate;
    spent += prices.draft_cost;
  }
  return length;
}

}  // namespace longshot
