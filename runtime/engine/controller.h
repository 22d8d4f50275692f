#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine/live_cost.h"
#include "runtime/spec/pass_cost.h"

namespace longshot {

/// What one arm, that is one way of drafting, offers for a round.
struct Offer {
  int64_t nodes = 0;  ///< proposed tokens; 0: nothing is offered
  /// Expected number of accepted nodes at depth i + 1, by the arm's own estimate.
  std::span<const double> survival = {};
  double draft_cost = 0;  ///< what making the proposal will cost, in single-row passes; 0: it is made
};

/// Chooses in every round among arms and plain decoding. An offer is worth its expected tokens less its cost at the
/// price of tokens, which is the yield of past rounds (tokens per single-row pass, at least 1); the offer worth most
/// is taken. An arm's own estimates are corrected by how they turned out. Arms that look things up are observed in
/// every round, taken or not, so nothing is spent on exploring them. An arm that has to run the model is tried with
/// one token when it was not taken for a while, less and less often while that fails, and only if it could pay.
/// Never sees a token; reads no clock: times come with the outcomes. Source: the renewal-reward rule behind "Sequoia",
/// Chen et al. 2024, arXiv 2402.12374; full information instead of bandits as in "Not-a-Bandit", HedgeSpec.
class Controller {
 public:
  static constexpr int kPlain = -1;

  struct Choice {
    int arm = kPlain;
    bool trial = false;  ///< not expected to pay: one token will do
  };
  /// What became of a round.
  struct Outcome {
    Choice choice = {};
    int64_t nodes = 0;
    int64_t drafted = 0;  ///< of them, those that took a draft pass
    int64_t emitted = 0;
    double draft_ms = 0;  ///< of making the proposal; 0 for arms that offer what is made
    double pass_ms = 0;   ///< of scoring it
  };

  explicit Controller(int arms) : arms_(arms) {}

  /// Forgets everything. `probed`: cost of verification at the context in use.
  void Begin(const PassCost& probed);
  /// One offer for each arm.
  Choice Choose(std::span<const Offer> offers);
  /// The round's outcome; every round, chosen or not.
  void Observe(const Outcome& outcome);
  /// How an arm's proposal would have fared: of `reached` depths that the text decided, `matched` were right.
  /// `expected`: the arm's own survival by depth.
  void Credit(int arm, std::span<const double> expected, int64_t reached, int64_t matched);

  const PassCost& cost() const { return cost_.curve(); }
  /// Tokens per single-row pass that work of `arm` has to beat by the arm's own estimates.
  double Yield(int arm) const { return Yield() / arms_[arm].Trust(); }
  double Yield() const;
  /// Measured cost of drafting one token, in single-row passes; 0: not measured yet.
  double DraftCost(int arm) const;

 private:
  struct Arm {
    /// Depths that were right and those that its estimates promised; fade, and forget while nothing comes.
    double hits = 0, hopes = 0;
    double draft_ms = 0, drafted = 0;  ///< fade
    int64_t idle_rounds = 0;           ///< since it was last taken
    int64_t patience = 0;              ///< idle rounds before the next trial
    bool won = false;                  ///< its last trial paid: the next one is due at once
    bool runs_model = false;           ///< its offers cost something
    double Trust() const;
    /// A round passed.
    void Forget();
  };
  /// Expected tokens less their price, plain decoding's own subtracted.
  double Gain(const Offer& offer, double trust) const;
  /// What `offer` would be worth if it were accepted as often as can be hoped for.
  double HopefulGain(const Offer& offer) const;
  void ObserveDrafting(Arm& arm, const Outcome& outcome);

  std::vector<Arm> arms_;
  LiveCost cost_;
  double tokens_ = 0, spent_ = 0;  ///< of past rounds, in tokens and single-row passes; fade
};

}  // namespace longshot
