#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/types.h"
#include "runtime/engine/metrics.h"
#include "runtime/spec/drafter.h"
#include "runtime/spec/sampler.h"
#include "runtime/spec/target.h"
#include "runtime/spec/verifier.h"

namespace longshot {

/// Why a generation ended.
enum class StopReason : uint8_t { kEndOfGeneration, kStopString, kLength, kContextFull, kInterrupted };
std::string_view Name(StopReason reason);

/// What limits and prices proposals.
struct DraftSizes {
  int64_t max_nodes = 0;
  int64_t max_depth = 0;
  PassCost cost{};  ///< of verification, by rows
  /// In single-row passes, as in `DraftBudget`.
  double pass_cost = 0, own_pass_cost = 0, read_cost = 0;
};

struct GenerateRequest {
  std::span<const Token> prompt = {};  ///< at least one token; the last is pending when decoding begins
  /// For drafters with a text or a model of their own, as in `DraftContext`.
  const DraftSource* draft_source = nullptr;
  Target* draft_target = nullptr;
  int64_t max_tokens = -1;             ///< -1: until the context is full
  std::vector<Token> end_tokens = {};  ///< end the answer; not part of the text
  bool ignore_eos = false;             ///< end tokens are tokens like any other
  SamplingConfig sampling = {};
  uint64_t seed = 0;
  DraftSizes draft = {};  ///< limits 0 with drafter `none`
  /// Called once, behind the first token: sizes proposals by passes timed on the sequence as it stands, within the
  /// limits above. Empty: they and the cost are final.
  std::function<DraftSizes(SequenceId)> size_drafts = {};
  /// Called for every emitted token, in order, end tokens excluded. Returning false ends the generation after
  /// it (a stop string was completed).
  std::function<bool(Token)> on_token = {};
  /// (done, total) prompt tokens. Returning false interrupts.
  std::function<bool(int64_t, int64_t)> on_prefill = {};
  /// Called with the fresh sequence before the prompt is read: commits rows of a prefix of the prompt that an earlier
  /// run computed and returns their number, at most all but the last token's. Drafters then see taps of the rows
  /// behind them only.
  std::function<int64_t(SequenceId)> restore = {};
  /// Called once the answer has ended, if the whole prompt was read: the first committed rows of the sequence are those
  /// of the prompt but its last token.
  std::function<void(SequenceId)> keep = {};
  /// Polled between passes: true interrupts cleanly.
  std::function<bool()> interrupted = {};
  /// Called whenever a phase begins, within the time that is charged to it.
  std::function<void(Phase)> on_phase = {};
  /// Milliseconds by which phases are timed, for the metrics and for drafters that decide by time; empty: the wall
  /// clock.
  std::function<double()> now_ms = {};
};

struct GenerateResult {
  std::vector<Token> tokens;                ///< emitted, end tokens excluded
  std::vector<std::string_view> proposers;  ///< of each token the drafter that proposed it; empty: the target's own
  StopReason stop = StopReason::kLength;
  GenerationMetrics metrics;
};

/// The one generate loop: prefill, then propose, score, verify, commit until stop. Plain decoding is the same
/// loop with drafter `none`. Knows the seams, no concrete target, drafter or rule.
class Engine {
 public:
  Engine(Target* target, const Verifier* verifier, Drafter* drafter)
      : target_(target), verifier_(verifier), drafter_(drafter) {}

  /// The output depends on the prompt, the sampling, the seed and the rule; with a coupled rule on nothing
  /// else. Draws are keyed by sequence 0 of the request, never by the target's slot, which may differ between
  /// runs. Errors, all before any work: kCapacity when the prompt, or prompt + max_tokens, exceeds the
  /// target's context; kUsage for an empty prompt or a bad max_tokens; kConfig for negative draft limits;
  /// kFormat for a prompt token outside the target's vocabulary. What the target, the drafter or a callback
  /// throws passes through; the sequence is closed on every exit.
  GenerateResult Generate(const GenerateRequest& request);

 private:
  Target* target_;
  const Verifier* verifier_;
  Drafter* drafter_;
};

}  // namespace longshot
