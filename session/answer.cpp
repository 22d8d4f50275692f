#include "session/answer.h"

#include <algorithm>

#include "session/interrupt.h"
#include "session/progress.h"
#include "session/stop_matcher.h"
#include "core/sha256.h"

namespace longshot {
namespace {

/// Tokens in, certain text out.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, const AnswerRequest& request)
      : decoder_(tokenizer), matcher_(request.stops), on_text_(request.on_text) {}

  /// False when a stop string was completed.
  bool Push(Token token) {
    Show(matcher_.Push(decoder_.Push(token)));
    return !matcher_.matched();
  }
  std::string Finish() {
    if (!matcher_.matched()) Show(matcher_.Push(decoder_.Finish()));
    Show(matcher_.Finish());
    return std::move(text_);
  }
  bool stopped() const { return matcher_.matched(); }

 private:
  void Show(const std::string& piece) {
    if (piece.empty()) return;
    text_ += piece;
    if (on_text_) on_text_(piece);
  }

  StreamDecoder decoder_;
  StopMatcher matcher_;
  const std::function<void(std::string_view)>& on_text_;
  std::string text_;
};

DraftSizes Sizes(const DraftPlan& plan) {
  return {.max_nodes = plan.limits.max_nodes,
          .max_depth = plan.limits.max_depth,
          .cost = plan.cost,
          .pass_cost = plan.pass_cost,
          .own_pass_cost = plan.own_pass_cost,
          .read_cost = plan.read_cost};
}

}  // namespace

Answer RunAnswer(Engine& engine, const Tokenizer& tokenizer, const AnswerRequest& request) {
  TextStream stream(tokenizer, request);
  Progress progress("prefill");
  GenerateRequest generate;
  generate.prompt = request.prompt;
  generate.draft_source = request.draft_source;
  generate.draft_target = request.draft_target;
  generate.max_tokens = request.max_tokens;
  generate.end_tokens = tokenizer.vocabulary().end_of_generation;
  generate.ignore_eos = request.ignore_eos;
  generate.sampling = request.sampling;
  generate.seed = request.seed;
  generate.draft = Sizes(request.draft);
  Answer answer;
  answer.draft = request.draft;
  if (request.measure) {
    generate.size_drafts = [&](SequenceId sequence) {
      answer.draft = request.measure(sequence);
      return Sizes(answer.draft);
    };
  }
  generate.on_token = [&](Token token) {
    progress.Finish();
    return stream.Push(token);
  };
  generate.on_prefill = [&](int64_t done, int64_t total) {
    progress.Show(done, total);
    return !Interrupted();
  };
  generate.restore = request.restore;
  generate.keep = request.keep;
  generate.on_phase = request.on_phase;
  generate.interrupted = Interrupted;
  answer.result = engine.Generate(generate);
  progress.Finish();
  answer.text = stream.Finish();
  // The bytes held back until the end may complete a stop string: then the answer ended with it, not after it.
  if (stream.stopped() && answer.result.stop != StopReason::kInterrupted) answer.result.stop = StopReason::kStopString;
  answer.sha256 = Sha256Hex(answer.text);
  return answer;
}

std::span<const Token> SharedRows(std::span<const Token> prompt, int64_t tap_rows) {
  const int64_t before_last = std::ssize(prompt) - 1;
  return prompt.first(static_cast<size_t>(before_last - std::min(tap_rows, before_last)));
}

}  // namespace longshot
