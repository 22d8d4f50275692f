#include "drafters/auto/auto.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {
namespace {

/// Rounds for which a drafter that learns from the top-k of scored rows gets all of them after it was taken; before and
/// after it gets every fourth, which is enough to notice that it would pay.
constexpr int64_t kTopRounds = 32;
constexpr int64_t kTopEvery = 4;

/// Room for proposals, so that no round allocates.
constexpr int64_t kReservedDepth = 256;

/// A drafter that has to read a text first is begun only when the answer's pace is known, and while all reading costs
/// at most this share of what the answer has taken so far: nobody knows when it will end, and this is all that can be
/// lost.
constexpr int64_t kSettledRounds = 16;
constexpr double kMostRegret = 0.03;

/// What makes every proposal worthwhile: a trial is not sized by what it pays.
constexpr double kTrialYield = 1e-9;

}  // namespace

AutoDrafter::AutoDrafter(std::string name, std::vector<std::unique_ptr<Drafter>> drafters)
    : name_(std::move(name)), offers_(drafters.size()), controller_(static_cast<int>(drafters.size())) {
  CHECK(!drafters.empty(), "no drafters to choose from");
  for (auto& drafter : drafters) {
    Arm& arm = arms_.emplace_back();
    arm.drafter = std::move(drafter);
    arm.survival.reserve(kReservedDepth);
  }
}

Taps AutoDrafter::Needs() const {
  Taps all;
  // Not of prompt rows: they delay the answer and are worth nothing (README).
  for (const Arm& arm : arms_) all.top_k = std::max(all.top_k, arm.drafter->Needs().top_k);
  return all;
}

void AutoDrafter::Begin(const DraftContext& context) {
  for (Arm& arm : arms_) {
    arm.drafter->Begin(context);
    arm.runs_model = arm.drafter->Foresee(DraftBudget{}).has_value();
    arm.counts = {.name = arm.drafter->name()};
    arm.rounds_at_start = 0;
  }
  begun_ = asked_ = false;
  choice_ = {};
  rounds_ = answered_ = 0;
  starting_ = -1, started_cost_ = 0;
  top_wanted_until_ = kTopRounds;
  idle_ = {};
}

void AutoDrafter::BeginOnce(const DraftBudget& budget) {
  if (!begun_) controller_.Begin(budget.cost);
  begun_ = true;
}

bool AutoDrafter::StartPays(const Prospect& prospect, bool used, const DraftBudget& budget) const {
  if (prospect.depth == 0 || rounds_ < kSettledRounds) return false;
  const double spent = static_cast<double>(answered_) / controller_.Yield();
  if (started_cost_ + prospect.start_cost > kMostRegret * spent) return false;
  if (prospect.started) return used;
  double tokens = 1, survival = 1;
  for (int64_t n = 0; n < prospect.depth; ++n) tokens += survival *= prospect.acceptance;
  const double pace = tokens / (controller_.cost()(1 + prospect.depth) + prospect.cost);
  const auto left = static_cast<double>(std::min(budget.remaining, answered_));
  return prospect.start_cost < left / controller_.Yield() - left / pace;
}

bool AutoDrafter::WantsStart(const DraftBudget& budget) {
  BeginOnce(budget);
  for (size_t i = 0; i < arms_.size(); ++i) {
    const int arm = static_cast<int>(i);
    if (!arms_[i].drafter->WantsStart(budget)) continue;
    const bool used = arms_[i].counts.rounds > arms_[i].rounds_at_start;
    const Prospect prospect = *arms_[i].drafter->Foresee(BudgetFor(arm, budget));
    if (!StartPays(prospect, used, budget)) continue;
    starting_cost_ = prospect.start_cost;
    arms_[i].rounds_at_start = arms_[i].counts.rounds;
    starting_ = arm;
    return true;
  }
  return false;
}

void AutoDrafter::Start(std::span<const Token> history) {
  CHECK(starting_ >= 0, "nobody wants to start");
  arms_[starting_].drafter->Start(history);
  started_cost_ += starting_cost_;
  starting_ = -1;
}

DraftBudget AutoDrafter::BudgetFor(int arm, const DraftBudget& budget) const {
  DraftBudget own = budget;
  own.cost = controller_.cost();
  own.yield = controller_.Yield(arm);
  if (const double seen = controller_.DraftCost(arm); seen > 0) own.pass_cost = own.own_pass_cost = seen;
  return own;
}

Offer AutoDrafter::OfferOf(int index, std::span<const Token> history, const DraftBudget& budget) {
  Arm& arm = arms_[index];
  arm.survival.clear();
  if (arm.runs_model) {
    const Prospect prospect = *arm.drafter->Foresee(budget);
    if (!prospect.started) return {};
    double survival = 1;
    for (int64_t n = 0; n < prospect.depth; ++n) arm.survival.push_back(survival *= prospect.acceptance);
    return {.nodes = prospect.depth, .survival = arm.survival, .draft_cost = prospect.cost};
  }
  arm.tree.Reset(history.back());
  arm.idle_before = arm.drafter->idle();
  arm.drafter->Propose(history, budget, arm.tree);
  const std::span<const double> told = arm.drafter->survival();
  arm.survival.assign(told.begin(), told.end());
  if (told.empty()) arm.survival.assign(arm.tree.max_depth(), 1.0);
  return {.nodes = arm.tree.size() - 1, .survival = arm.survival};
}

void AutoDrafter::Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) {
  BeginOnce(budget);
  asked_ = true;
  for (size_t i = 0; i < arms_.size(); ++i) {
    const int arm = static_cast<int>(i);
    offers_[i] = OfferOf(arm, history, BudgetFor(arm, budget));
  }
  choice_ = controller_.Choose(offers_);
  if (choice_.arm != Controller::kPlain) Take(choice_, history, budget, tree);
  if (tree.size() == 1) CountIdle();
}

void AutoDrafter::Take(const Controller::Choice& choice, std::span<const Token> history, const DraftBudget& budget,
                       TokenTree& tree) {
  Arm& arm = arms_[choice.arm];
  if (!arm.runs_model) {
    tree = arm.tree;
  } else {
    DraftBudget own = BudgetFor(choice.arm, budget);
    if (choice.trial) {
      own.max_depth = 1;
      own.yield = kTrialYield;
    }
    arm.drafter->Propose(history, own, tree);
  }
  if (tree.size() == 1) return;
  ++arm.counts.rounds;
  if (choice.trial) ++arm.counts.trials;
  arm.counts.drafted += tree.size() - 1;
  if (arm.drafter->Needs().top_k > 0) top_wanted_until_ = rounds_ + kTopRounds;
}

void AutoDrafter::CountIdle() {
  const bool below = std::any_of(arms_.begin(), arms_.end(), [](const Arm& arm) {
    return !arm.runs_model && arm.drafter->idle().below_n_min > arm.idle_before.below_n_min;
  });
  const bool had_candidate = std::any_of(arms_.begin(), arms_.end(), [](const Arm& arm) {
    return arm.runs_model || arm.drafter->idle().no_candidate == arm.idle_before.no_candidate;
  });
  ++(!had_candidate ? idle_.no_candidate : below ? idle_.below_n_min : idle_.would_not_pay);
}

bool AutoDrafter::WantsTop() const { return rounds_ < top_wanted_until_ || rounds_ % kTopEvery == 0; }

void AutoDrafter::Credit(int index, const RoundView& round) {
  Arm& arm = arms_[index];
  const bool taken = choice_.arm == index;
  if (arm.runs_model && !taken) return;
  const TokenTree& tree = arm.runs_model ? *round.tree : arm.tree;
  const auto most = std::min<int64_t>(tree.max_depth(), static_cast<int64_t>(arm.survival.size()));
  int64_t reached = 0, matched = 0;
  NodeId node = 0;
  for (const Token token : round.emitted) {
    if (reached == most) break;
    ++reached;
    node = tree.FindChild(node, token);
    if (node < 0) break;
    ++matched;
  }
  controller_.Credit(index, arm.survival, reached, matched);
}

void AutoDrafter::Observe(const RoundView& round) {
  const int64_t nodes = round.tree->size() - 1;
  if (!asked_) choice_ = {};
  for (size_t i = 0; asked_ && i < arms_.size(); ++i) Credit(static_cast<int>(i), round);
  if (begun_) {
    const bool drafted = choice_.arm != Controller::kPlain && arms_[choice_.arm].runs_model;
    controller_.Observe({.choice = choice_,
                         .nodes = nodes,
                         .drafted = round.tree->max_depth(),
                         .emitted = static_cast<int64_t>(round.emitted.size()),
                         .draft_ms = drafted ? round.draft_ms : 0,
                         .pass_ms = round.pass_ms});
  }
  for (size_t i = 0; i < arms_.size(); ++i) {
    RoundView seen = round;
    seen.own = choice_.arm == static_cast<int>(i) && nodes > 0;
    if (seen.own) arms_[i].counts.accepted += static_cast<int64_t>(round.path.size()) - 1;
    if (arms_[i].drafter->Needs().top_k == 0) seen.top_k = 0, seen.top = {};
    arms_[i].drafter->Observe(seen);
  }
  ++rounds_;
  answered_ += std::ssize(round.emitted);
  asked_ = false;
}

std::string_view AutoDrafter::proposer() const {
  return choice_.arm == Controller::kPlain ? std::string_view() : arms_[choice_.arm].drafter->name();
}

std::vector<ArmRounds> AutoDrafter::arms() const {
  std::vector<ArmRounds> counts;
  for (const Arm& arm : arms_) {
    counts.push_back(arm.counts);
    counts.back().idle = arm.drafter->idle();
  }
  return counts;
}

int64_t AutoDrafter::bytes() const {
  int64_t sum = 0;
  for (const Arm& arm : arms_) sum += arm.drafter->bytes();
  return sum;
}

}  // namespace longshot
