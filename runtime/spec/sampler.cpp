#include "runtime/spec/sampler.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace longshot {

bool SamplingConfig::HasPenalties() const {
  return repeat_last_n != 0 && (repeat_penalty != 1.0 || presence_penalty != 0.0 || frequency_penalty != 0.0);
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

/// Keeps the shortest prefix of the sorted candidates whose probability reaches `top_p`, at least one.
void KeepTopP(double top_p, std::vector<Candidate>& sorted) {
  double total = 0;
  const double best = sorted[0].logit;
  for (const Candidate& c : sorted) total += std::exp(c.logit - best);
  double sum = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    sum += std::exp(sorted[i].logit - best) / total;
    if (sum >= top_p) return sorted.resize(i + 1);
  }
}

/// Drops sorted candidates less than `min_p` times as probable as the best.
void KeepMinP(double min_p, std::vector<Candidate>& sorted) {
  const double least = sorted[0].logit + std::log(min_p);
  size_t kept = 1;
  while (kept < sorted.size() && sorted[kept].logit >= least) ++kept;
  sorted.resize(kept);
}

/// The softmax of candidates / temperature, by ascending id.
void Normalize(std::vector<Candidate>& candidates, double temperature, Distribution& out) {
  const double best = candidates[0].logit;
  std::sort(candidates.begin(), candidates.end(), [](auto& a, auto& b) { return a.id < b.id; });
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

void Sampler::Process(std::span<const float> logits, std::span<const Token> committed,
                      std::span<const Token> path, Distribution& out) const {
  if (config_.HasPenalties()) {
    penalized_.assign(logits.begin(), logits.end());
    Penalize(penalized_, committed, path);
    logits = penalized_;
  }
  if (greedy()) return SetPointMass(ArgmaxId(logits), out);
  Truncate(logits);
  Normalize(candidates_, config_.temperature, out);
}

void Sampler::Truncate(std::span<const float> logits) const {
  SelectTop(logits, config_.top_k, candidates_);
  CHECK(!candidates_.empty(), "every logit is -inf");
  if (config_.top_p < 1.0) KeepTopP(config_.top_p, candidates_);
  if (config_.min_p > 0.0) KeepMinP(config_.min_p, candidates_);
}

void Sampler::Penalize(std::span<float> logits, std::span<const Token> committed,
                       std::span<const Token> path) const {
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
