#include "runtime/engine/engine.h"

#include "core/error.h"
#include "runtime/engine/generation.h"

namespace longshot {

std::string_view Name(StopReason reason) {
  switch (reason) {
    case StopReason::kEndOfGeneration:
      return "end-of-generation";
    case StopReason::kStopString:
      return "stop-string";
    case StopReason::kLength:
      return "length";
    case StopReason::kContextFull:
      return "context-full";
    case StopReason::kInterrupted:
      return "interrupted";
  }
  return "?";
}

namespace {

void Validate(const GenerateRequest& request, const Target& target) {
  const auto prompt = static_cast<int64_t>(request.prompt.size());
  const int64_t context = target.max_context(), vocab = target.vocab_size();
  if (prompt == 0) Throw(ErrorCode::kUsage, "the prompt has no tokens: expected at least 1; give -p, -f or --doc");
  if (request.max_tokens < -1) {
    Throw(ErrorCode::kUsage, "tokens to generate: expected -1 (until the context is full) or more, got {}; set -n",
          request.max_tokens);
  }
  if (request.draft.max_nodes < 0 || request.draft.max_depth < 0) {
    Throw(ErrorCode::kConfig, "draft limits: expected 0 or more, got {} nodes and depth {}; set --spec-draft-n-max",
          request.draft.max_nodes, request.draft.max_depth);
  }
  for (int64_t i = 0; i < prompt; ++i) {
    const Token token = request.prompt[i];
    if (token >= 0 && token < vocab) continue;
    Throw(ErrorCode::kFormat, "prompt token {} has id {}: the model knows ids below {}; use the model's own tokenizer",
          i, token, vocab);
  }
  if (prompt >= context) {
    Throw(ErrorCode::kCapacity,
          "the prompt has {} tokens: a context of {} holds at most {} and an answer; shorten the document or "
          "raise -c",
          prompt, context, context - 1);
  }
  if (request.max_tokens > context - prompt) {
    Throw(ErrorCode::kCapacity,
          "prompt of {} tokens and {} to generate: the context holds {}; lower -n to at most {} or raise -c", prompt,
          request.max_tokens, context, context - prompt);
  }
}

}  // namespace

GenerateResult Engine::Generate(const GenerateRequest& request) {
  Validate(request, *target_);
  GenerateResult result;
  result.metrics.prompt_tokens = static_cast<int64_t>(request.prompt.size());
  if (request.max_tokens == 0) return result;
  Generation generation({target_, verifier_, drafter_}, request, result);
  if (generation.Prefill()) {
    while (generation.Round()) {
    }
    generation.Keep();
  }
  result.metrics.idle = drafter_->idle();
  result.metrics.arms = drafter_->arms();
  result.metrics.looping_share = RepeatedFourGramShare(result.tokens);
  return result;
}

}  // namespace longshot
