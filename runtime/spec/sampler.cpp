#include "runtime/spec/sampler.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace longshot {

bool SamplingConfig::HasPenalties() const {
  return repeat_last_n != 0 && (repeat_penalty != 1.0 || presence_penalty != 0.0 || frequency_penalty != 0.0);
}

void Distribution::Reserve(size_t tokens) {
  ids.reserve(tokens);
  probabilities.reserve(tokens);
  log_weights.reserve(tokens);
}

double Distribution::Probability(Token token) const {
  const auto at = std::lower_bound(ids.begin(), ids.end(), token);
  return at != ids.end() && *at == token ? probabilities[at - ids.begin()] : 0.0;
}

Token Distribution::Argmax() const {
  CHECK(!ids.empty());
  return ids[std::max_element(log_weights.begin(), log_weights.end()) - log_weights.begin()];
}

namespace {

void SetPointMass(Token token, Distribution& out) {
  out.ids.assign(1, token);
  out.probabilities.assign(1, 1.0);
  out.log_weights.assign(1, 0.0);
}

/// With top-k off, top-p first looks for its prefix among this many of the best: only a flat row is sorted
/// whole.
constexpr int64_t kLikelyEnough = 256;

/// Sum of exp(logit - best) over a row.
double Total(std::span<const float> logits, double best) {
  double total = 0;
  for (float logit : logits) total += std::exp(logit - best);
  return total;
}

double Total(std::span<const Candidate> candidates, double best) {
  double total = 0;
  for (const Candidate& c : candidates) total += std::exp(c.logit - best);
  return total;
}

/// Keeps the shortest prefix of the sorted candidates whose share of `total` reaches `top_p`, at least one.
void KeepTopP(double top_p, double total, std::vector<Candidate>& sorted) {
  const double best = sorted[0].logit;
  double sum = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    sum += std::exp(sorted[i].logit - best) / total;
    if (sum >= top_p) return sorted.resize(i + 1);
  }
}

double BestLogit(std::span<const Candidate> candidates) {
  return std::min_element(candidates.begin(), candidates.end(), Better)->logit;
}

/// Drops candidates less than `min_p` times as probable as the best.
void KeepMinP(double min_p, std::vector<Candidate>& candidates) {
  const double least = BestLogit(candidates) + std::log(min_p);
  std::erase_if(candidates, [&](const Candidate& c) { return c.logit < least; });
}

/// The softmax of candidates / temperature, by ascending id.
void Normalize(std::vector<Candidate>& candidates, double temperature, Distribution& out) {
  const double best = BestLogit(candidates);
  const auto by_id = [](const Candidate& a, const Candidate& b) { return a.id < b.id; };
  if (!std::is_sorted(candidates.begin(), candidates.end(), by_id)) {
    std::sort(candidates.begin(), candidates.end(), by_id);
  }
  const size_t n = candidates.size();
  out.ids.resize(n);
  out.probabilities.resize(n);
  out.log_weights.resize(n);
  double total = 0;
  for (size_t i = 0; i < n; ++i) {
    out.ids[i] = candidates[i].id;
    out.log_weights[i] = (candidates[i].logit - best) / temperature;
    out.probabilities[i] = std::exp(out.log_weights[i]);
    total += out.probabilities[i];
  }
  for (double& p : out.probabilities) p /= total;
}

}  // namespace

Sampler::Sampler(const SamplingConfig& config, int64_t longest_history) : config_(config) {
  if (!config.HasPenalties()) return;
  recent_.reserve(config.repeat_last_n < 0 ? longest_history : std::min(config.repeat_last_n, longest_history));
}

void Sampler::Process(std::span<const float> logits, std::span<const Token> committed, std::span<const Token> path,
                      Distribution& out) const {
  if (config_.HasPenalties()) {
    penalized_.assign(logits.begin(), logits.end());
    Penalize(penalized_, committed, path);
    logits = penalized_;
  }
  if (greedy()) return SetPointMass(ArgmaxId(logits), out);
  candidates_.reserve(logits.size());
  out.Reserve(config_.top_k > 0 ? std::min<size_t>(config_.top_k, logits.size()) : logits.size());
  Truncate(logits);
  Normalize(candidates_, config_.temperature, out);
}

void Sampler::Truncate(std::span<const float> logits) const {
  const bool cuts_k = config_.top_k > 0 && config_.top_k < static_cast<int64_t>(logits.size());
  const bool cuts_p = config_.top_p < 1.0;
  if (cuts_k) {
    SelectTop(logits, config_.top_k, candidates_);
  } else if (cuts_p) {
    SelectTop(logits, kLikelyEnough, candidates_);
  } else {
    SelectFinite(logits, candidates_);
  }
  CHECK(!candidates_.empty(), "every logit is -inf");
  if (cuts_p) {
    const double best = candidates_[0].logit;
    const double kept = Total(candidates_, best), total = cuts_k ? kept : Total(logits, best);
    // The margin is rounding of the two sums: a row that is that close is sorted whole.
    if (!cuts_k && kept < (config_.top_p + 1e-9) * total) SelectTop(logits, 0, candidates_);
    KeepTopP(config_.top_p, total, candidates_);
  }
  if (config_.min_p > 0.0) KeepMinP(config_.min_p, candidates_);
}

void Sampler::Penalize(std::span<float> logits, std::span<const Token> committed, std::span<const Token> path) const {
  const size_t all = committed.size() + path.size();
  const size_t window = config_.repeat_last_n < 0 ? all : std::min<size_t>(all, config_.repeat_last_n);
  const size_t from_path = std::min(window, path.size());
  const auto old = committed.last(window - from_path), fresh = path.last(from_path);
  recent_.assign(old.begin(), old.end());
  recent_.insert(recent_.end(), fresh.begin(), fresh.end());
  std::sort(recent_.begin(), recent_.end());
  for (size_t begin = 0, end = 0; begin < recent_.size(); begin = end) {
    while (end < recent_.size() && recent_[end] == recent_[begin]) ++end;
    if (recent_[begin] < 0 || recent_[begin] >= static_cast<Token>(logits.size())) continue;
    float& logit = logits[recent_[begin]];
    double value = logit > 0 ? logit / config_.repeat_penalty : logit * config_.repeat_penalty;
    value -= static_cast<double>(end - begin) * config_.frequency_penalty + config_.presence_penalty;
    logit = static_cast<float>(value);
  }
}

}  // namespace longshot
