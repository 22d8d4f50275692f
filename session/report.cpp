#include "session/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "core/sha256.h"

namespace longshot {
namespace {

using nlohmann::json;

double PerSecond(int64_t tokens, double ms) { return ms > 0 ? static_cast<double>(tokens) * 1000 / ms : 0; }

/// Prompt tokens that no cache held. The last is read by the first pass of decoding: alone it has no speed of prefill.
int64_t ComputedTokens(const GenerationMetrics& metrics) { return metrics.prompt_tokens - metrics.cached_tokens; }
double PrefillRate(const GenerationMetrics& metrics) {
  const int64_t tokens = ComputedTokens(metrics);
  return tokens > 1 ? PerSecond(tokens, metrics.time_ms.prefill) : 0;
}

}  // namespace

json IdleJson(const IdleRounds& idle) {
  return {
      {"no_candidate", idle.no_candidate}, {"would_not_pay", idle.would_not_pay}, {"below_n_min", idle.below_n_min}};
}

json MetricsJson(const GenerationMetrics& metrics) {
  json arms = json::object();
  for (const ArmRounds& arm : metrics.arms) {
    arms[std::string(arm.name)] = {{"rounds", arm.rounds},
                                   {"trials", arm.trials},
                                   {"draft_tokens", arm.drafted},
                                   {"accepted_tokens", arm.accepted},
                                   {"idle_rounds", IdleJson(arm.idle)}};
  }
  return {{"idle_rounds", IdleJson(metrics.idle)},
          {"arms", arms},
          {"spec_decode_num_drafts", metrics.num_drafts},
          {"spec_decode_num_draft_tokens", metrics.num_draft_tokens},
          {"spec_decode_num_accepted_tokens", metrics.num_accepted_tokens},
          {"spec_decode_num_accepted_tokens_per_pos", metrics.accepted_per_depth},
          {"mean_acceptance_length", metrics.MeanAcceptanceLength()},
          {"draft_acceptance_rate", metrics.DraftAcceptanceRate()},
          {"acceptance_rate_per_position", metrics.AcceptancePerPosition()},
          {"conditional_acceptance_rate_per_position", metrics.ConditionalAcceptancePerPosition()},
          {"acceptance_histogram", metrics.acceptance_histogram},
          {"law_shift", metrics.law_shift},
          {"target_passes", metrics.target_passes},
          {"emitted_tokens", metrics.emitted_tokens}};
}

json TimingsJson(const GenerationMetrics& metrics) {
  const double decode_ms = metrics.time_ms.decode();
  return {{"prompt_n", ComputedTokens(metrics)},
          {"prompt_ms", metrics.time_ms.prefill},
          {"prompt_per_second", PrefillRate(metrics)},
          {"predicted_n", metrics.emitted_tokens},
          {"predicted_ms", decode_ms},
          {"predicted_per_second", PerSecond(metrics.emitted_tokens, decode_ms)},
          {"draft_n", metrics.num_draft_tokens},
          {"draft_n_accepted", metrics.num_accepted_tokens},
          {"cache_n", metrics.cached_tokens}};
}

json PhasesJson(const PhaseTimes& times) {
  json phases;
  for (int i = 0; i < kPhases; ++i) phases[Name(static_cast<Phase>(i))] = times.of(static_cast<Phase>(i));
  return phases;
}

json DeviceJson(const BackendInfo& info) {
  return {
      {"backend", info.name}, {"numeric_path", info.numeric_path}, {"name", info.device}, {"threads", info.threads}};
}

json ConfigJson(std::span<const Section> sections) {
  json config = json::object();
  for (const Section& section : sections) config[section.name] = ToJson(section.fields);
  return config;
}

json AnswerJson(const Answer& answer) {
  const GenerationMetrics& metrics = answer.result.metrics;
  return {{"text", answer.text},
          {"tokens", answer.result.tokens},
          {"stop_reason", Name(answer.result.stop)},
          {"output_sha256", answer.sha256},
          {"looping", metrics.looping_share > kLoopingShare},
          {"looping_share", metrics.looping_share},
          {"latency_ms", metrics.time_ms.total()},
          {"timings", TimingsJson(metrics)},
          {"phases_ms", PhasesJson(metrics.time_ms)},
          {"metrics", MetricsJson(metrics)}};
}

std::string PromptHash(std::span<const Token> prompt) {
  static_assert(std::endian::native == std::endian::little && sizeof(Token) == 4);
  Sha256 hash;
  hash.Update(std::as_bytes(prompt));
  return hash.HexDigest();
}

std::string AcceptanceLine(const GenerationMetrics& metrics) {
  const double mean = metrics.num_drafts > 0 ? 1 + static_cast<double>(metrics.num_accepted_tokens) /
                                                       static_cast<double>(metrics.num_drafts)
                                             : 0;
  return fmt::format("draft acceptance = {:.5f} ({:5} accepted / {:5} generated), mean len = {:5.2f}",
                     metrics.DraftAcceptanceRate(), metrics.num_accepted_tokens, metrics.num_draft_tokens, mean);
}

std::string SpeedLine(const GenerationMetrics& metrics) {
  const double decode_ms = metrics.time_ms.decode();
  return fmt::format(
      "prefill {} tokens in {:.0f} ms ({:.0f} tok/s), decode {} tokens in {:.0f} ms ({:.1f} tok/s), "
      "mean acceptance length {:.2f} over all {} passes",
      ComputedTokens(metrics), metrics.time_ms.prefill, PrefillRate(metrics), metrics.emitted_tokens, decode_ms,
      PerSecond(metrics.emitted_tokens, decode_ms), metrics.MeanAcceptanceLength(), metrics.target_passes);
}

Exactness WorstExactness(const Verifier& verifier, Exactness drafter) {
  return std::max(verifier.exactness(), drafter);
}

std::string Compact(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string Dump(const json& value) { return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; }

}  // namespace longshot
