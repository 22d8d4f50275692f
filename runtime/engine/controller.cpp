#include "runtime/engine/controller.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {
namespace {

constexpr double kKeepYield = 15.0 / 16;  ///< the price of tokens remembers about 16 rounds
constexpr double kPriorRounds = 8;        ///< as if so many had been plain

/// Trust in an arm's estimates: so many promised tokens are believed beforehand, about so many are remembered, and a
/// round without news brings it back towards what was believed beforehand.
constexpr double kPriorHopes = 4;
constexpr double kKeepHopes = 0.95;
constexpr double kKeepIdle = 0.98;
constexpr double kLeastTrust = 0.1, kMostTrust = 2;

/// An offer is taken when it is worth this many tokens more than plain decoding: estimates are never exact, and the
/// best of several errs upwards.
constexpr double kMargin = 0.03;

/// Idle rounds before an arm that costs passes is tried again: at first, and at most.
constexpr int64_t kPatience = 16, kMostPatience = 48;
/// An arm that would not pay even with this acceptance is not tried.
constexpr double kHopefulAcceptance = 0.9;

}  // namespace

double Controller::Arm::Trust() const { return std::clamp(hits / hopes, kLeastTrust, kMostTrust); }

void Controller::Begin(const PassCost& probed) {
  for (Arm& arm : arms_) {
    arm = Arm{.hits = kPriorHopes, .hopes = kPriorHopes, .patience = kPatience};
  }
  cost_.Begin(probed);
  tokens_ = spent_ = kPriorRounds;
}

double Controller::Yield() const { return std::max(1.0, tokens_ / spent_); }

double Controller::DraftCost(int arm) const {
  const Arm& it = arms_[arm];
  const double row_ms = cost_.single_row_ms();
  return it.drafted > 0 && row_ms > 0 ? it.draft_ms / it.drafted / row_ms : 0;
}

double Controller::Gain(const Offer& offer, double trust) const {
  double tokens = 0, factor = 1;
  for (const double survival : offer.survival) {
    factor *= trust;
    tokens += std::min(1.0, factor * survival);
  }
  return tokens - Yield() * (cost_.curve()(1 + offer.nodes) - 1 + offer.draft_cost);
}

double Controller::HopefulGain(const Offer& offer) const {
  double tokens = 0, survival = 1;
  for (int64_t n = 0; n < offer.nodes; ++n) {
    survival *= kHopefulAcceptance;
    tokens += survival;
  }
  return tokens - Yield() * (cost_.curve()(1 + offer.nodes) - 1 + offer.draft_cost);
}

Controller::Choice Controller::Choose(std::span<const Offer> offers) {
  CHECK(offers.size() == arms_.size(), "{} offers of {} arms", offers.size(), arms_.size());
  Choice best;
  double best_gain = kMargin;
  for (size_t i = 0; i < offers.size(); ++i) {
    if (offers[i].draft_cost > 0) arms_[i].runs_model = true;
    if (offers[i].nodes == 0) continue;
    const double gain = Gain(offers[i], arms_[i].Trust());
    if (gain <= best_gain) continue;
    best_gain = gain;
    best.arm = static_cast<int>(i);
  }
  for (size_t i = 0; i < offers.size(); ++i) {
    const bool due = arms_[i].won || arms_[i].idle_rounds >= arms_[i].patience;
    if (!due || offers[i].draft_cost == 0 || best.arm == static_cast<int>(i)) continue;
    if (HopefulGain(offers[i]) > best_gain) return {.arm = static_cast<int>(i), .trial = true};
  }
  return best;
}

void Controller::ObserveDrafting(Arm& arm, const Outcome& outcome) {
  arm.idle_rounds = 0;
  arm.draft_ms = arm.draft_ms * kKeepHopes + outcome.draft_ms;
  arm.drafted = arm.drafted * kKeepHopes + static_cast<double>(outcome.drafted);
  arm.won = false;
  if (!outcome.choice.trial) {
    arm.patience = kPatience;
    return;
  }
  arm.won = outcome.emitted > 1;
  arm.patience = arm.won ? kPatience : std::min(2 * arm.patience, kMostPatience);
}

void Controller::Observe(const Outcome& outcome) {
  cost_.Observe(1 + outcome.nodes, outcome.pass_ms);
  for (Arm& arm : arms_) ++arm.idle_rounds;
  double spent = cost_.curve()(1 + outcome.nodes);
  if (outcome.choice.arm != kPlain) {
    Arm& arm = arms_[outcome.choice.arm];
    ObserveDrafting(arm, outcome);
    spent += static_cast<double>(outcome.drafted) * DraftCost(outcome.choice.arm);
  }
  tokens_ = tokens_ * kKeepYield + static_cast<double>(outcome.emitted);
  spent_ = spent_ * kKeepYield + spent;
  for (Arm& arm : arms_) arm.Forget();
}

void Controller::Arm::Forget() {
  // Trials bring an arm back that runs the model: its estimate stays, though it weighs less and less. The estimate of
  // one that is made to offer nothing by it has to come back by itself.
  if (runs_model && hopes <= kPriorHopes) return;
  const double prior = runs_model ? 0 : kPriorHopes * (1 - kKeepIdle);
  hits = hits * kKeepIdle + prior;
  hopes = hopes * kKeepIdle + prior;
}

void Controller::Credit(int arm, std::span<const double> expected, int64_t reached, int64_t matched) {
  CHECK(matched <= reached && reached <= static_cast<int64_t>(expected.size()), "{} of {} depths, {} expected", matched,
        reached, expected.size());
  double hopes = 0, before = 1;
  for (int64_t depth = 0; depth < reached; ++depth) {
    hopes += before > 0 ? std::min(1.0, expected[depth] / before) : 0;
    before = expected[depth];
  }
  Arm& it = arms_[arm];
  it.hits = it.hits * kKeepHopes + static_cast<double>(matched);
  it.hopes = it.hopes * kKeepHopes + hopes;
}

}  // namespace longshot
