#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"
#include "runtime/spec/pass_cost.h"
#include "runtime/spec/sampler.h"
#include "runtime/spec/target.h"
#include "runtime/spec/token_tree.h"

namespace longshot {

/// The best label a feature can claim; a report prints the worst in force.
enum class Exactness : uint8_t { kExact, kDistribution, kChangesModel };
std::string_view Name(Exactness exactness);  ///< "exact", "distribution", "changes-model"

/// What a drafter wants to see besides tokens.
struct Taps {
  int top_k = 0;         ///< best `top_k` ids of every scored row, accepted or not
  int prefill_rows = 0;  ///< and of the last `prefill_rows` prompt rows
};

/// A text that drafters with one of their own read before the answer; looked for when it is first wanted.
struct DraftSource {
  int64_t most_tokens = 0;  ///< of what `find` returns, known before anything is looked for
  /// The text's tokens, given what was answered so far; valid until the next call. Empty: there is none.
  std::function<std::span<const Token>(std::span<const Token> answer)> find = {};
  /// Commits rows of a prefix of `tokens` that an earlier run computed to a fresh sequence; may be empty, as the next.
  std::function<void(SequenceId sequence, std::span<const Token> tokens)> restore = {};
  /// The first committed rows of the sequence are those of `tokens`.
  std::function<void(SequenceId sequence, std::span<const Token> tokens)> keep = {};
};

/// One generation, as a drafter sees it when it begins.
struct DraftContext {
  Target* target = nullptr;  ///< for drafters that read the target through a view
  SequenceId sequence = 0;
  std::span<const Token> prompt = {};
  const DraftSource* draft_source = nullptr;  ///< for drafters with a text of their own; nullptr: there is none
  Target* draft_target = nullptr;  ///< another model that drafts, of the same vocabulary; nullptr: the target itself
  int64_t max_tokens = 0;          ///< of the answer
  std::function<bool()> interrupted = {};  ///< polled while a drafter reads; true stops it. May be empty.
  const PrefillTap* prefill = nullptr;     ///< nullptr unless asked for
  const Sampler* sampler = nullptr;        ///< warps draft laws like target laws
  /// The target's own noise: a drafter with a law of its own draws with it, at the absolute position of the
  /// drafted token. `noise.sequence` also keys a drafter's other draws: `sequence` is a slot that may differ
  /// between runs.
  CoupledNoise noise = {};
  bool coupled = true;  ///< verification couples; false: sampled children carry their law
  bool argmax = false;  ///< not coupled, but by laws as they are: drafted is the likeliest token, with its law
  bool trees = true;    ///< verification takes trees; false: chains
  uint64_t seed = 0;
  int64_t max_nodes = 0;  ///< no proposal of this generation may hold more: what to make room for
};

/// Limits of one proposal.
struct DraftBudget {
  int64_t max_nodes = 0;  ///< proposed nodes, the root not counted
  int64_t max_depth = 0;
  uint32_t round = 0;        ///< keys the draws of this round
  int64_t remaining = 0;     ///< tokens that the answer may still have
  PassCost cost{};           ///< of verification, by rows
  double yield = 0;          ///< tokens per single-row pass that work has to beat; 0: what the drafter counts itself
  double pass_cost = 0;      ///< of one draft pass through a view of the target's rows; 0: the drafter's own figure
  double own_pass_cost = 0;  ///< of one over rows of a drafter's own; the same
  double read_cost = 0;      ///< of one token of a text that a drafter has yet to read; the same
};

/// What a drafter that runs the model expects of a proposal before it makes one: a chain.
struct Prospect {
  int64_t depth = 0;      ///< 0: it would propose nothing
  double acceptance = 0;  ///< chance of each token to be accepted, given that those before it are
  double cost = 0;        ///< of drafting it, in single-row passes
  double start_cost = 0;  ///< of what `Start` would do now; 0: nothing
  bool started = true;    ///< false: without that it proposes nothing
};

/// The outcome of one round, as a drafter sees it.
struct RoundView {
  const TokenTree* tree = nullptr;
  std::span<const NodeId> path = {};  ///< committed nodes, root first
  /// Tokens the round added, as many as `path` has nodes: the path's, root excluded, then the next pending
  /// one.
  std::span<const Token> emitted = {};
  int top_k = 0;
  std::span<const Token> top = {};  ///< [nodes, top_k] when asked for, best first; kNoToken where a row has fewer
  bool own = true;                  ///< the tree is what this drafter proposed, not what another one did
  double draft_ms = 0;              ///< wall time of proposing
  double pass_ms = 0;               ///< wall time of scoring the tree
};

/// Rounds of one generation in which a drafter was asked and proposed nothing, by reason.
struct IdleRounds {
  int64_t no_candidate = 0;   ///< it knew of no token to propose
  int64_t would_not_pay = 0;  ///< the likeliest token was expected to cost more than it yields, or below p_min
  int64_t below_n_min = 0;    ///< fewer tokens than a proposal has to have

  int64_t total() const { return no_candidate + would_not_pay + below_n_min; }
};

/// How often a drafter that chooses among others took one of them in one generation.
struct ArmRounds {
  std::string_view name = {};  ///< of the drafter
  int64_t rounds = 0;          ///< in which its proposal was verified
  int64_t trials = 0;          ///< of them, though they were not expected to pay
  int64_t drafted = 0, accepted = 0;
  IdleRounds idle = {};  ///< in which it was asked and had none
};

/// Proposes token trees. Seam: one folder per drafter. Never sees a verifier; nothing it does can change the
/// output of an exact rule, only how fast it comes.
class Drafter {
 public:
  virtual ~Drafter() = default;
  virtual std::string_view name() const = 0;
  virtual Taps Needs() const { return {}; }
  /// Forgets the previous generation.
  virtual void Begin(const DraftContext& context) = 0;
  /// Whether `Start` has something to do before the next proposal. Asked before every `Propose`.
  virtual bool WantsStart(const DraftBudget&) { return false; }
  /// Does it, such as reading a text of its own. `history` as for `Propose`.
  virtual void Start(std::span<const Token> history) { static_cast<void>(history); }
  /// Grows `tree`, which holds the pending token alone. `history` ends with the pending token, at absolute
  /// position history.size() - 1. Leaving the root alone is plain decoding for one round. Not called when
  /// nothing may be proposed; `Observe` follows every target pass. ENSURES: the tree is within `budget`,
  /// which the engine checks.
  virtual void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) = 0;
  /// Learns what a pass brought, whoever proposed its tree.
  virtual void Observe(const RoundView& round) = 0;
  /// Whether `Observe` of this round is to come with the top-k of `Needs`, which costs a scan of every row.
  virtual bool WantsTop() const { return true; }
  /// Of the last proposal: the expected number of accepted nodes at depth i + 1. Valid until the next call. Empty: it
  /// does not know.
  virtual std::span<const double> survival() const { return {}; }
  /// For drafters whose proposals cost passes of the target: what the next one is expected to be. Others propose for
  /// nothing and return nullopt.
  virtual std::optional<Prospect> Foresee(const DraftBudget&) const { return std::nullopt; }
  /// Why it proposed nothing, since `Begin`.
  virtual IdleRounds idle() const { return {}; }
  /// The drafters among which it chooses, since `Begin`; empty for all but those that do.
  virtual std::vector<ArmRounds> arms() const { return {}; }
  /// Who made the last proposal: the drafter itself or, of one that chooses among others, the one it took. The text
  /// outlives the drafter.
  virtual std::string_view proposer() const { return name(); }
  /// Bytes held beside the target's, for the memory table.
  virtual int64_t bytes() const { return 0; }
};

}  // namespace longshot
