#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "session/answer.h"
#include "kernels/kernels.h"
#include "runtime/config/fields.h"
#include "runtime/spec/drafter.h"
#include "runtime/spec/verifier.h"

namespace longshot {

/// Counters under vLLM's names (`spec_decode_num_drafts`, ...), rates beside them.
nlohmann::json MetricsJson(const GenerationMetrics& metrics);

/// Rounds in which a drafter was asked and proposed nothing, by reason.
nlohmann::json IdleJson(const IdleRounds& idle);

/// llama.cpp's server names: prompt_n, prompt_ms, ..., draft_n, draft_n_accepted, cache_n.
nlohmann::json TimingsJson(const GenerationMetrics& metrics);

nlohmann::json PhasesJson(const PhaseTimes& times);

nlohmann::json DeviceJson(const BackendInfo& info);

/// The resolved configuration, one block per section.
nlohmann::json ConfigJson(std::span<const Section> sections);

/// Text, tokens, why it ended, its hash, whether it loops, and its metrics.
nlohmann::json AnswerJson(const Answer& answer);

/// SHA-256 of a prompt's token ids, four bytes each, lowest first.
std::string PromptHash(std::span<const Token> prompt);

/// "draft acceptance = 0.64479 (  167 accepted /   259 generated), mean len =  2.92": llama.cpp's closing
/// line, whose mean counts rounds with a draft only.
std::string AcceptanceLine(const GenerationMetrics& metrics);

/// Speed and mean acceptance length, for people.
std::string SpeedLine(const GenerationMetrics& metrics);

/// The worst label in force.
Exactness WorstExactness(const Verifier& verifier, Exactness drafter);

/// JSON text; bytes that are not UTF-8 become U+FFFD.
std::string Dump(const nlohmann::json& json);
/// The same without line breaks, for what may hold thousands of answers.
std::string Compact(const nlohmann::json& json);

}  // namespace longshot
