#include "drafters/model_drafter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "runtime/spec/verifier.h"

namespace longshot {
namespace {

/// Upper bounds of the margin bins in nats, and first guesses of how often such a token is accepted.
constexpr std::array<double, 7> kMarginBounds = {0.25, 0.5, 1.0, 1.5, 2.5, 4.0, 6.0};
constexpr std::array<double, 8> kPriors = {0.45, 0.55, 0.65, 0.75, 0.85, 0.92, 0.96, 0.98};
constexpr double kAnyPrior = 0.8;
/// First guess of how often the target takes the runner-up of a draw that it does not take.
constexpr double kRunnerUpPrior = 0.5;

/// When drafting has stopped paying, one token is drafted every so many rounds, so that a change is noticed.
constexpr int64_t kProbeEvery = 32;

/// Tokens this much less likely than the best are left out of the search for the runner-up.
constexpr double kRunnerUpReach = 8.0;

}  // namespace

ModelDrafter::ModelDrafter(const ProposalConfig& proposal, const TreeConfig& tree, double pass_cost)
    : proposal_(proposal), grows_leaves_(tree.mode != "off"), assumed_cost_(pass_cost) {
  ResetRates();
}

int ModelDrafter::MarginBin(double margin) {
  return static_cast<int>(std::upper_bound(kMarginBounds.begin(), kMarginBounds.end(), margin) - kMarginBounds.begin());
}

void ModelDrafter::ResetRates() {
  for (int bin = 0; bin < kMarginBins; ++bin) {
    rates_[bin] = AcceptanceRate(kPriors[bin]);
    runner_up_rates_[bin] = AcceptanceRate((1 - kPriors[bin]) * kRunnerUpPrior);
  }
  any_rate_ = AcceptanceRate(kAnyPrior);
}

void ModelDrafter::Begin(const DraftContext& context) {
  CHECK(context.target != nullptr && context.sampler != nullptr, "{} drafts with the target and its sampler", name());
  context_ = context;
  context_.prompt = {}, context_.prefill = nullptr;
  sampled_ = !context.coupled && !context.sampler->greedy();  // also to show a law, `DraftContext::argmax`
  drafted_.reserve(context.max_nodes);
  margins_.reserve(context.max_nodes);
  runners_up_.reserve(context.max_nodes);
  leaves_.reserve(context.max_nodes);
  ResetRates();
  pay_ = {};
  idle_rounds_ = 0;
  passes_ = 0;
  idle_ = {};
  BeginModel(context);
}

bool ModelDrafter::Probing() const { return idle_rounds_ + 1 >= kProbeEvery; }

bool ModelDrafter::NextPassPays(double accepted, int64_t drafted, const DraftBudget& budget) const {
  if (drafted > 0 && drafted < proposal_.n_min) return true;
  if (drafted == 0 && Probing()) return true;
  const double rate = any_rate_.Estimate(), hope = accepted * rate;
  if (hope < proposal_.p_min) return false;
  const ChainPrices prices = Prices(budget);
  return BestContinuation(prices, 1 + drafted, hope, prices.draft_cost, rate, MostTokens(budget) - drafted) > 0;
}

int64_t ModelDrafter::MostNodes(const DraftBudget& budget) const {
  return proposal_.n_max > 0 ? std::min(budget.max_nodes, proposal_.n_max) : budget.max_nodes;
}

int64_t ModelDrafter::MostTokens(const DraftBudget& budget) const {
  return std::min({MostNodes(budget), budget.max_depth, room()});
}

ChainPrices ModelDrafter::Prices(const DraftBudget& budget) const {
  return {.yield = pay_.Yield(budget),
          .draft_cost = TimedPassCost(budget) > 0 ? TimedPassCost(budget) : assumed_cost_,
          .cost = budget.cost};
}

std::optional<Prospect> ModelDrafter::Foresee(const DraftBudget& budget) const {
  const ChainPrices prices = Prices(budget);
  const double rate = any_rate_.Estimate();
  const int64_t most = MostTokens(budget);
  if (most < std::max<int64_t>(1, proposal_.n_min) || rate < proposal_.p_min) return Prospect{};
  int64_t depth = BestContinuation(prices, 1, rate, prices.draft_cost, rate, most);
  depth = std::max({depth, int64_t{1}, proposal_.n_min});
  return Prospect{.depth = depth, .acceptance = rate, .cost = static_cast<double>(depth) * prices.draft_cost};
}

void ModelDrafter::Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) {
  cost_ = budget.cost;
  pass_cost_ = Prices(budget).draft_cost;
  passes_ = 0;
  drafted_.clear();
  margins_.clear();
  runners_up_.clear();
  const int64_t most = MostTokens(budget);
  if (room() == 0) {
    ++idle_.no_candidate;
    return;
  }
  if (most < proposal_.n_min) {
    ++idle_.below_n_min;
    return;
  }
  double accepted = 1;
  NodeId node = 0;
  for (int64_t n = 0; n < most && NextPassPays(accepted, n, budget); ++n) {
    if (n == 0) BeginRound(history);
    const Draw draw = DrawAfter(LogitsAfter(tree, node), history, budget);
    ++passes_;
    accepted *= rates_[MarginBin(draw.margin)].Estimate();
    const bool worth_a_row = accepted >= proposal_.p_min &&
                             BestContinuation(Prices(budget), 1 + n, accepted, 0, any_rate_.Estimate(), most - n) > 0;
    const bool wanted = worth_a_row || n < proposal_.n_min || (n == 0 && Probing());
    // A drawn token may not be dropped for what it is; one that depends on no fresh randomness may.
    if (!sampled_ && !wanted) break;
    if (sampled_) tree.SetLaw(node, draft_law_);
    node = tree.Add(node, draw.token, sampled_ ? ProposalKind::kSampledNoReplacement : ProposalKind::kDeterministic);
    drafted_.push_back(draw.token);
    margins_.push_back(draw.margin);
    runners_up_.push_back(draw.runner_up);
  }
  if (tree.size() == 1) ++idle_.would_not_pay;
  if (!sampled_ && grows_leaves_ && context_.trees) AddLeaves(budget, tree);
}

void ModelDrafter::AddLeaves(const DraftBudget& budget, TokenTree& tree) {
  leaves_.clear();
  double reached = 1;
  for (size_t i = 0; i < drafted_.size(); ++i) {
    const int bin = MarginBin(margins_[i]);
    if (runners_up_[i] != kNoToken) {
      leaves_.push_back({static_cast<NodeId>(i), reached * runner_up_rates_[bin].Estimate()});
    }
    reached *= rates_[bin].Estimate();
  }
  std::sort(leaves_.begin(), leaves_.end(), [](const Leaf& a, const Leaf& b) {
    return a.chance != b.chance ? a.chance > b.chance : a.parent < b.parent;
  });
  const int64_t room = std::min(std::ssize(leaves_), MostNodes(budget) + 1 - tree.size());
  BestSize best(pay_.Yield(budget), budget.cost, tree.size());
  for (int64_t n = 0; n < room && leaves_[n].chance >= proposal_.p_min; ++n) best.Add(leaves_[n].chance);
  for (int64_t n = 0; n < best.size(); ++n) tree.Add(leaves_[n].parent, runners_up_[leaves_[n].parent]);
}

ModelDrafter::Draw ModelDrafter::DrawAfter(std::span<const float> logits, std::span<const Token> history,
                                           const DraftBudget& budget) {
  context_.sampler->Process(logits, history, drafted_, law_);
  if (sampled_) return DrawSampled(static_cast<NodeId>(drafted_.size()), budget.round);
  return DrawCoupled(logits, static_cast<int64_t>(history.size() + drafted_.size()));
}

ModelDrafter::Draw ModelDrafter::DrawCoupled(std::span<const float> logits, int64_t position) const {
  const Token token = CoupledDraw(law_, context_.noise, position);
  double best = 0, second = -std::numeric_limits<double>::infinity();
  Token runner_up = kNoToken;
  const auto consider = [&](double score, Token other) {
    if (score > second) second = score, runner_up = other;
  };
  if (context_.sampler->greedy()) {  // the law is a point mass: the raw logits tell how close the choice was
    best = logits[token];
    for (Token other = 0; other < static_cast<Token>(logits.size()); ++other) {
      if (other != token) consider(logits[other], other);
    }
    return {token, best - second, runner_up};
  }
  for (size_t i = 0; i < law_.ids.size(); ++i) {
    if (law_.ids[i] != token && law_.log_weights[i] < -kRunnerUpReach) continue;
    const double score = law_.log_weights[i] + context_.noise.At(position, law_.ids[i]);
    if (law_.ids[i] == token) {
      best = score;
    } else {
      consider(score, law_.ids[i]);
    }
  }
  return {token, best - second, runner_up};
}

ModelDrafter::Draw ModelDrafter::DrawSampled(NodeId parent, uint32_t round) {
  draft_law_.ids.reserve(law_.ids.capacity());
  draft_law_.probabilities.reserve(law_.ids.capacity());
  weights_.reserve(law_.ids.capacity());
  draft_law_.ids.assign(law_.ids.begin(), law_.ids.end());
  draft_law_.probabilities.assign(law_.probabilities.begin(), law_.probabilities.end());
  weights_.assign(draft_law_.probabilities.begin(), draft_law_.probabilities.end());
  const double u = Uniform({.seed = context_.seed,
                            .sequence = context_.noise.sequence,
                            .round = round,
                            .node = parent,
                            .purpose = DrawPurpose::kDraft});
  const int64_t drawn = context_.argmax ? std::max_element(weights_.begin(), weights_.end()) - weights_.begin()
                                        : InvertCumulative(weights_, u);
  const double q = weights_[drawn];
  return {draft_law_.ids[drawn], std::log(q / std::max(1 - q, 1e-9)), kNoToken};
}

int64_t ModelDrafter::bytes() const {
  return static_cast<int64_t>(law_.ids.capacity() * sizeof(law_.ids[0]) +
                              law_.probabilities.capacity() * sizeof(law_.probabilities[0]) +
                              law_.log_weights.capacity() * sizeof(law_.log_weights[0]) +
                              draft_law_.ids.capacity() * sizeof(draft_law_.ids[0]) +
                              draft_law_.probabilities.capacity() * sizeof(draft_law_.probabilities[0]) +
                              weights_.capacity() * sizeof(weights_[0]));
}

int64_t ModelDrafter::DraftedIn(const RoundView& round) const {
  return round.own && round.tree->size() > 1 ? std::ssize(drafted_) : 0;
}

int64_t ModelDrafter::AcceptedIn(const RoundView& round) const {
  const int64_t chain = DraftedIn(round);  // its nodes are 1, 2, ..., leaves come behind
  int64_t accepted = 0;
  while (accepted < chain && accepted + 1 < std::ssize(round.path) && round.path[accepted + 1] == accepted + 1) {
    ++accepted;
  }
  return accepted;
}

void ModelDrafter::Observe(const RoundView& round) {
  const int64_t drafted = DraftedIn(round), accepted = AcceptedIn(round);
  for (int64_t i = 0; i < drafted && i <= accepted && i < std::ssize(round.emitted); ++i) {
    const int bin = MarginBin(margins_[i]);
    rates_[bin].Add(i < accepted);
    any_rate_.Add(i < accepted);
    if (!sampled_) runner_up_rates_[bin].Add(i == accepted && round.emitted[i] == runners_up_[i]);
  }
  const double cost = cost_(round.tree->size()) + pass_cost_ * static_cast<double>(passes_);
  pay_.Count(static_cast<double>(round.emitted.size()), cost);
  idle_rounds_ = passes_ > 0 ? 0 : idle_rounds_ + 1;
  passes_ = 0;
  EndRound(round, accepted);
}

}  // namespace longshot
