#pragma once

#include <span>
#include <vector>

#include "core/stopwatch.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/sampled_rows.h"

namespace longshot {

/// The seams a generation runs on.
struct Parts {
  Target* target = nullptr;
  const Verifier* verifier = nullptr;
  Drafter* drafter = nullptr;
};

/// A target's sequence, closed with the object.
class OpenSequence {
 public:
  OpenSequence(Target* target, int64_t capacity) : target_(target), capacity_(capacity), id_(target->Open(capacity)) {}
  ~OpenSequence() { target_->Close(id_); }
  OpenSequence(const OpenSequence&) = delete;
  OpenSequence& operator=(const OpenSequence&) = delete;

  SequenceId id() const { return id_; }
  int64_t free_rows() const { return capacity_ - target_->committed(id_); }

 private:
  Target* target_;
  int64_t capacity_;
  SequenceId id_;
};

/// One answer in the making. Invariant at every border between rounds: the last token of the history is
/// pending, that is emitted (or the prompt's last) and without KV; everything before it is committed, nothing
/// else is.
class Generation {
 public:
  /// `request` is valid and outlives the object; `result` is filled as tokens come.
  Generation(const Parts& parts, const GenerateRequest& request, GenerateResult& result);

  /// Restores what an earlier run knows of the prompt, feeds the rest but the last token, then begins the drafter.
  /// False when interrupted.
  bool Prefill();
  /// Offers the rows of the prompt for a later run.
  void Keep();
  /// Propose, score, verify, emit, commit, observe. False when the answer has ended.
  bool Round();

 private:
  int64_t remaining() const { return limit_ - static_cast<int64_t>(result_.tokens.size()); }
  /// Makes room for everything that rounds fill: they allocate nothing.
  void Reserve();
  void Announce(Phase phase) const {
    if (request_.on_phase) request_.on_phase(phase);
  }
  void Restore();
  void SizeDrafts();
  /// Limits and prices of this round; no nodes where nothing may be proposed.
  DraftBudget Budget() const;
  void StartDrafter(const DraftBudget& budget);
  void Propose(const DraftBudget& budget);
  void Score();
  /// Hands the verdict's tokens out until one ends the answer; cuts the verdict's path to what was handed
  /// out.
  void Emit();
  void EmitToken(Token token, std::string_view proposer);
  void Observe();
  void Stop(StopReason reason);

  const Parts parts_;
  const GenerateRequest& request_;
  GenerateResult& result_;
  const Sampler sampler_;
  const CoupledNoise noise_;
  const Taps taps_;
  const int64_t limit_;  ///< tokens that may be emitted
  OpenSequence sequence_;
  Stopwatch watch_;
  double draft_ms_ = 0, pass_ms_ = 0;  ///< of the round in flight
  bool stopped_ = false;
  uint32_t round_ = 0;

  DraftSizes sizes_;

  std::vector<Token> history_;  ///< prompt and emitted tokens
  TokenTree tree_;
  SampledRows laws_;
  ScoredRows scored_;
  Verdict verdict_;
  std::vector<Token> top_;
};

}  // namespace longshot
