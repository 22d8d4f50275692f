#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/types.h"
#include "runtime/kv/kv_view.h"
#include "runtime/spec/token_tree.h"

namespace longshot {

/// Scored rows of one pass: raw logits by node. Valid until the next `Score` on the same target.
class ScoredRows {
 public:
  ScoredRows() = default;
  ScoredRows(NodeId first, int64_t count, std::span<const float> logits, int64_t vocab)
      : first_(first), count_(count), logits_(logits), vocab_(vocab) {}

  NodeId first() const { return first_; }
  int64_t count() const { return count_; }
  /// [V] raw logits of a node. REQUIRES: first <= node < first + count.
  std::span<const float> Logits(NodeId node) const { return logits_.subspan((node - first_) * vocab_, vocab_); }

 private:
  NodeId first_ = 0;
  int64_t count_ = 0;
  std::span<const float> logits_;
  int64_t vocab_ = 0;
};

/// One sequence's share of a scoring pass.
struct ScoreRequest {
  SequenceId sequence = 0;
  const TokenTree* tree = nullptr;
  /// Rows [first_node, size) are computed. Those before it were written in this round, without a view if this pass
  /// has none.
  NodeId first_node = 0;
  const KvView* view = nullptr;  ///< nullptr: every committed row, the truth that verification reads
};

/// What prefill hands to drafters that ask (`Taps::prefill_rows`): the best next tokens after prompt rows.
struct PrefillTap {
  int64_t first_position = 0;  ///< prompt position of row 0
  int k = 0;
  std::vector<Token> top;  ///< [rows, k], best first
};

struct PrefillRequest {
  SequenceId sequence = 0;
  std::span<const Token> tokens = {};
  int tap_rows = 0;  ///< top-k wanted for the last `tap_rows` rows
  int tap_k = 0;
  PrefillTap* tap = nullptr;
  /// Called with (done, total) tokens; returning false stops between chunks.
  std::function<bool(int64_t, int64_t)> progress = {};
};

/// A long-context model over sequences: the only writer of committed KV. Seam: a real model, or a table of
/// laws in the statistical tests.
class Target {
 public:
  virtual ~Target() = default;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t max_context() const = 0;
  /// Rows one `Score` can take.
  virtual int64_t max_rows() const = 0;

  /// Opens a sequence of at most `capacity` tokens, speculative ones included. Errors: kCapacity.
  virtual SequenceId Open(int64_t capacity) = 0;
  virtual void Close(SequenceId sequence) = 0;
  virtual int64_t committed(SequenceId sequence) const = 0;
  /// Bytes of its committed rows, for reports; 0 where nobody counts.
  virtual int64_t BytesOf(SequenceId) const { return 0; }
  /// Feeds committed tokens; no logits. False when `progress` stopped it (what was fed stays).
  virtual bool Prefill(const PrefillRequest& request) = 0;
  /// Forgets the committed rows from `length` on. REQUIRES: length <= committed; no scored tree waits for its commit.
  virtual void Truncate(SequenceId sequence, int64_t length) = 0;
  /// Scores every tree of `requests` and returns rows in the same order. A request with first_node 0 begins a
  /// new round of its sequence, which drops the previous one. A view makes it a draft pass; verification of
  /// the same nodes overwrites what it wrote. REQUIRES today: one request.
  virtual std::span<const ScoredRows> Score(std::span<const ScoreRequest> requests) = 0;
  /// Keeps `path` (root first) of the last full-view pass.
  virtual void Commit(SequenceId sequence, std::span<const NodeId> path) = 0;
};

}  // namespace longshot
