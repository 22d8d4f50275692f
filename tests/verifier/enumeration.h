#pragma once

#include <span>
#include <vector>

#include "core/error.h"
#include "runtime/spec/verifier.h"

namespace longshot {

/// A random source that takes every outcome of every decision, depth first: run the same program until
/// `Advance` is false and weigh each run by `weight()`. The exact law of the program, no statistics.
class EnumeratingRandom final : public RandomSource {
 public:
  bool Bernoulli(NodeId, uint32_t, double accept) override {
    CHECK(accept >= 0 && accept <= 1, "chance {}", accept);
    return Choose({accept, 1.0 - accept}) == 0;
  }
  int64_t Categorical(NodeId, std::span<const double> weights) override {
    double sum = 0;
    for (double weight : weights) sum += weight;
    CHECK(sum > 0);
    std::vector<double> law(weights.begin(), weights.end());
    for (double& p : law) p /= sum;
    return Choose(std::move(law));
  }

  /// Probability of the current run.
  double weight() const {
    double product = 1;
    for (const Decision& decision : decisions_) product *= decision.law[decision.outcome];
    return product;
  }
  /// Begins the next run; false when all were taken.
  bool Advance() {
    CHECK(at_ == decisions_.size(), "the program is not a function of its random decisions");
    at_ = 0;
    while (!decisions_.empty() && !NextOutcome(decisions_.back())) decisions_.pop_back();
    return !decisions_.empty();
  }

 private:
  struct Decision {
    std::vector<double> law;
    int64_t outcome = -1;
  };

  static bool NextOutcome(Decision& decision) {
    const auto count = std::ssize(decision.law);
    do ++decision.outcome;
    while (decision.outcome < count && decision.law[decision.outcome] <= 0);
    return decision.outcome < count;
  }

  int64_t Choose(std::vector<double> law) {
    if (at_ == decisions_.size()) {
      decisions_.push_back({std::move(law)});
      CHECK(NextOutcome(decisions_.back()));
    }
    return decisions_[at_++].outcome;
  }

  std::vector<Decision> decisions_;
  size_t at_ = 0;
};

}  // namespace longshot
