#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// What a generation spends its time on, in the order in which phases first occur.
enum class Phase : uint8_t { kRestore, kPrefill, kPrefillDraft, kSizing, kDraft, kScore, kVerify, kCommit };
inline constexpr int kPhases = 8;
/// As reports call it: "prefill_target".
std::string_view Name(Phase phase);

/// Wall time by phase, milliseconds.
struct PhaseTimes {
  double restore = 0;        ///< rows of the prompt taken from an earlier run
  double prefill = 0;        ///< the target over the prompt
  double prefill_draft = 0;  ///< the drafter's own start: its index of the prompt, its own prefill
  double sizing = 0;         ///< passes timed to size proposals
  double draft = 0, score = 0, verify = 0, commit = 0;
  double of(Phase phase) const;
  /// Sizing among it: whoever waits for the next token waits for that too.
  double decode() const { return sizing + draft + score + verify + commit; }
  double total() const { return restore + prefill + prefill_draft + decode(); }
};

/// Counters of one generation; names in reports are vLLM's (`spec_decode_num_drafts`, ...).
struct GenerationMetrics {
  int64_t prompt_tokens = 0;   ///< after an interrupt while the prompt was read: those that were
  int64_t cached_tokens = 0;   ///< of them, with rows from an earlier run
  double law_shift = 0;        ///< `Verdict::shift`, summed: how far the output's law is from the target's
  int64_t emitted_tokens = 0;  ///< every token a target pass added, end tokens included
  int64_t target_passes = 0;
  int64_t num_drafts = 0;  ///< rounds with a non-empty draft
  int64_t num_draft_tokens = 0;
  int64_t num_accepted_tokens = 0;
  std::vector<int64_t> drafted_per_depth;     ///< rounds whose tree reached depth i + 1
  std::vector<int64_t> accepted_per_depth;    ///< rounds that accepted a node at depth i + 1
  std::vector<int64_t> acceptance_histogram;  ///< target passes that accepted exactly i nodes
  IdleRounds idle;                            ///< why the drafter proposed nothing
  std::vector<ArmRounds> arms;                ///< of a drafter that chooses among others, else empty
  PhaseTimes time_ms;
  double looping_share = 0;  ///< share of 4-grams of the output that repeat an earlier one

  /// tau = MAT: emitted tokens per target pass, bonus included.
  double MeanAcceptanceLength() const;
  double DraftAcceptanceRate() const;  ///< accepted / drafted, 0 without drafts
  /// P(depth i + 1 accepted) over rounds with a draft; one entry for each depth ever drafted.
  std::vector<double> AcceptancePerPosition() const;
  /// P(depth i + 1 accepted | depth i accepted).
  std::vector<double> ConditionalAcceptancePerPosition() const;
  /// Makes room for proposals of `depth` tokens.
  void Reserve(int64_t depth);
  /// Counts one target pass.
  void AddRound(int64_t proposed, int64_t proposed_depth, int64_t accepted, int64_t emitted);
};

/// An output whose repeated 4-gram share exceeds this is flagged: loops flatter every drafter.
inline constexpr double kLoopingShare = 0.2;

/// Share of 4-grams that occurred before in `tokens`; 0 below 4 tokens.
double RepeatedFourGramShare(std::span<const Token> tokens);

}  // namespace longshot
