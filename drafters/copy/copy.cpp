#include "drafters/copy/copy.h"

#include <algorithm>
#include <bit>

#include "core/error.h"

namespace longshot {
namespace {

/// Room for this many tokens of output is made where no target tells the context.
constexpr int64_t kReservedOutput = 4096;

/// First guesses of the chance that a copied token is right, for matches of 1, 2, 3-4, 5-8, ... tokens: long
/// repetitions are rarely a coincidence. A few observations replace them.
constexpr std::array<double, 8> kPriors = {0.20, 0.35, 0.50, 0.65, 0.80, 0.88, 0.93, 0.95};

}  // namespace

CopyDrafter::CopyDrafter(const ProposalConfig& proposal, const CopyConfig& config)
    : proposal_(proposal), config_(config) {
  ResetRates();
}

int CopyDrafter::LengthBin(int64_t match_length) {
  const int bin = std::bit_width(static_cast<uint64_t>(match_length - 1));  // 1, 2, 3-4, 5-8, ...
  return std::min(bin, kLengthBins - 1);
}

void CopyDrafter::ResetRates() {
  for (int bin = 0; bin < kLengthBins; ++bin) rates_[bin] = AcceptanceRate(kPriors[bin]);
}

void CopyDrafter::Begin(const DraftContext& context) {
  text_.Clear();
  const auto prompt = static_cast<int64_t>(context.prompt.size());
  text_.Reserve(context.target != nullptr ? std::max(prompt, context.target->max_context()) : prompt + kReservedOutput);
  for (Token token : context.prompt) text_.Append(token);
  ResetRates();
  pay_ = {};
  survival_.clear();
  idle_ = {};
}

int64_t CopyDrafter::ChainLength(const SuffixMatch& match, const DraftBudget& budget) {
  int64_t most = std::min(budget.max_nodes, budget.max_depth);
  if (proposal_.n_max > 0) most = std::min(most, proposal_.n_max);
  most = std::min(most, 1 + static_cast<int64_t>(config_.length_per_match * static_cast<double>(match.length)));
  BestSize best(pay_.Yield(budget), budget.cost);
  double accepted = 1;
  for (int64_t n = 0; n < most; ++n) {
    accepted *= rates_[LengthBin(match.length + n)].Estimate();
    if (accepted < proposal_.p_min) break;
    survival_.push_back(accepted);
    best.Add(accepted);
  }
  survival_.resize(best.size());
  return best.size();
}

void CopyDrafter::Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) {
  CHECK(static_cast<int64_t>(history.size()) == text_.size(), "history of {} tokens, observed {}", history.size(),
        text_.size());
  cost_ = budget.cost;
  survival_.clear();
  const SuffixMatch match = text_.match();
  if (match.length < config_.min_match) {
    ++idle_.no_candidate;
    return;
  }
  const int64_t length = ChainLength(match, budget);
  if (length == 0 || length < proposal_.n_min) {
    ++(length == 0 ? idle_.would_not_pay : idle_.below_n_min);
    return;
  }
  NodeId node = 0;
  for (int64_t i = 0; i < length; ++i) {
    const int64_t source = match.end + 1 + i;
    // Past the end of the text an occurrence overlaps its own copy: the period goes on.
    const Token token =
        source < text_.size() ? text_[source] : tree.token(static_cast<NodeId>(source - text_.size() + 1));
    node = tree.Add(node, token);
  }
}

void CopyDrafter::Observe(const RoundView& round) {
  for (Token token : round.emitted) {
    const SuffixMatch match = text_.match();
    if (match.length > 0) rates_[LengthBin(match.length)].Add(text_[match.end + 1] == token);
    text_.Append(token);
  }
  pay_.Count(static_cast<double>(round.emitted.size()), cost_(round.tree->size()));
}

}  // namespace longshot
