#include "runtime/engine/metrics.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace longshot {
namespace {

double Ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Adds one to counts[0 .. depth).
void CountDepths(int64_t depth, std::vector<int64_t>& counts) {
  if (depth > static_cast<int64_t>(counts.size())) counts.resize(depth);
  for (int64_t i = 0; i < depth; ++i) ++counts[i];
}

struct PhaseEntry {
  std::string_view name;
  double PhaseTimes::*time;
};

/// In the order of `Phase`.
constexpr PhaseEntry kPhaseTable[kPhases] = {
    {"restore", &PhaseTimes::restore},
    {"prefill_target", &PhaseTimes::prefill},
    {"prefill_draft", &PhaseTimes::prefill_draft},
    {"sizing", &PhaseTimes::sizing},
    {"draft", &PhaseTimes::draft},
    {"score", &PhaseTimes::score},
    {"verify", &PhaseTimes::verify},
    {"commit", &PhaseTimes::commit},
};

}  // namespace

std::string_view Name(Phase phase) { return kPhaseTable[static_cast<size_t>(phase)].name; }

double PhaseTimes::of(Phase phase) const { return this->*kPhaseTable[static_cast<size_t>(phase)].time; }

double GenerationMetrics::MeanAcceptanceLength() const { return Ratio(emitted_tokens, target_passes); }

double GenerationMetrics::DraftAcceptanceRate() const { return Ratio(num_accepted_tokens, num_draft_tokens); }

std::vector<double> GenerationMetrics::AcceptancePerPosition() const {
  std::vector<double> rates(drafted_per_depth.size());
  for (size_t i = 0; i < accepted_per_depth.size(); ++i) rates[i] = Ratio(accepted_per_depth[i], num_drafts);
  return rates;
}

std::vector<double> GenerationMetrics::ConditionalAcceptancePerPosition() const {
  std::vector<double> rates(drafted_per_depth.size());
  for (size_t i = 0; i < accepted_per_depth.size(); ++i) {
    rates[i] = Ratio(accepted_per_depth[i], i == 0 ? num_drafts : accepted_per_depth[i - 1]);
  }
  return rates;
}

void GenerationMetrics::Reserve(int64_t depth) {
  drafted_per_depth.reserve(depth);
  accepted_per_depth.reserve(depth);
  acceptance_histogram.reserve(depth + 1);
}

void GenerationMetrics::AddRound(int64_t proposed, int64_t proposed_depth, int64_t accepted, int64_t emitted) {
  CHECK(accepted <= proposed_depth && proposed_depth <= proposed, "accepted {}, depth {}, proposed {}", accepted,
        proposed_depth, proposed);
  ++target_passes;
  emitted_tokens += emitted;
  if (proposed > 0) ++num_drafts;
  num_draft_tokens += proposed;
  num_accepted_tokens += accepted;
  CountDepths(proposed_depth, drafted_per_depth);
  CountDepths(accepted, accepted_per_depth);
  if (accepted >= static_cast<int64_t>(acceptance_histogram.size())) acceptance_histogram.resize(accepted + 1);
  ++acceptance_histogram[accepted];
}

double RepeatedFourGramShare(std::span<const Token> tokens) {
  if (tokens.size() < 4) return 0.0;
  std::vector<std::array<Token, 4>> grams(tokens.size() - 3);
  for (size_t i = 0; i < grams.size(); ++i) grams[i] = {tokens[i], tokens[i + 1], tokens[i + 2], tokens[i + 3]};
  const auto total = static_cast<int64_t>(grams.size());
  std::sort(grams.begin(), grams.end());
  const int64_t distinct = std::unique(grams.begin(), grams.end()) - grams.begin();
  return Ratio(total - distinct, total);
}

}  // namespace longshot
