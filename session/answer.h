#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/draft_plan.h"
#include "core/types.h"
#include "runtime/engine/engine.h"
#include "runtime/text/tokenizer.h"

namespace longshot {

/// The tokens of a prompt whose rows answers by several drafters may share: all but the last one, and but the
/// `tap_rows` before it that some drafter wants to see, which every answer computes itself.
std::span<const Token> SharedRows(std::span<const Token> prompt, int64_t tap_rows);

/// One question to one drafter, as text.
struct AnswerRequest {
  std::span<const Token> prompt;
  const DraftSource* draft_source = nullptr;  ///< as in `GenerateRequest`, as the next
  Target* draft_target = nullptr;
  SamplingConfig sampling;
  uint64_t seed = 0;
  int64_t max_tokens = -1;  ///< -1: until the context is full
  bool ignore_eos = false;
  std::vector<std::string> stops;
  DraftPlan draft = {};  ///< how proposals are sized or, beside `measure`, the room that they may come to need
  /// Sizes them behind the first token, on the answer's own sequence; empty: `draft` is final.
  std::function<DraftPlan(SequenceId)> measure = {};
  std::function<int64_t(SequenceId)> restore;  ///< as in `GenerateRequest`; may be empty, as the two below
  std::function<void(SequenceId)> keep;
  std::function<void(Phase)> on_phase = {};       ///< as in `GenerateRequest`; may be empty
  std::function<void(std::string_view)> on_text;  ///< text as it becomes certain; may be empty
};

struct Answer {
  GenerateResult result;
  std::string text;    ///< before the stop string, if there was one
  std::string sha256;  ///< of `text`
  DraftPlan draft;     ///< how proposals were sized
};

/// Generates and turns tokens into text; shows the progress of the prefill; Ctrl-C ends it cleanly.
/// Errors: those of `Engine::Generate`.
Answer RunAnswer(Engine& engine, const Tokenizer& tokenizer, const AnswerRequest& request);

}  // namespace longshot
