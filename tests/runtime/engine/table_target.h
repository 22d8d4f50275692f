#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "core/error.h"
#include "runtime/spec/target.h"
#include "kernels/top_k.h"
#include "tests/runtime/engine/law_table.h"

namespace longshot {

/// A target whose laws are a table over the last two tokens, so that the law of whole sequences is known. It
/// keeps the contract of `Target` strictly: what a caller may not do is a CHECK failure. A pass with a view
/// answers from rows that see one token only, as a lossy cache would. Sequence ids never repeat.
class TableTarget final : public Target {
 public:
  struct Options {
    int vocab = 5;
    uint64_t seed = 1;
    int64_t max_context = 64;
    int64_t max_rows = 32;
    double zero_share = 0.15;
    int64_t prefill_chunk = 4;
  };

  explicit TableTarget(const Options& options)
      : options_(options), table_(options.vocab, options.seed, options.zero_share) {}

  const LawTable& table() const { return table_; }
  int open_sequences() const { return open_sequences_; }
  int64_t verify_passes() const { return verify_passes_; }
  int64_t draft_passes() const { return draft_passes_; }
  int64_t largest_capacity() const { return largest_capacity_; }
  const std::vector<int64_t>& truncated_to() const { return truncated_to_; }
  /// Tokens whose rows are committed in the sequence that was open last.
  const std::vector<Token>& last_committed() const { return entries_.back().tokens; }

  int64_t vocab_size() const override { return options_.vocab; }
  int64_t max_context() const override { return options_.max_context; }
  int64_t max_rows() const override { return options_.max_rows; }

  SequenceId Open(int64_t capacity) override {
    CHECK(capacity >= 1 && capacity <= options_.max_context, "capacity {}", capacity);
    if (entries_.empty() || entries_.back().open) entries_.emplace_back();
    Entry& entry = entries_.back();
    entry.id = next_id_++;
    entry.open = true;
    entry.capacity = capacity;
    entry.tokens.clear();
    entry.round.clear();
    ++open_sequences_;
    largest_capacity_ = std::max(largest_capacity_, capacity);
    return entry.id;
  }

  void Close(SequenceId sequence) override {
    At(sequence).open = false;
    --open_sequences_;
  }

  int64_t committed(SequenceId sequence) const override { return std::ssize(At(sequence).tokens); }

  bool Prefill(const PrefillRequest& request) override {
    Entry& entry = At(request.sequence);
    CHECK(entry.round.empty(), "prefill inside a round");
    const auto total = std::ssize(request.tokens);
    CHECK(committed(request.sequence) + total <= entry.capacity);
    for (int64_t done = 0; done < total;) {
      const int64_t count = std::min(options_.prefill_chunk, total - done);
      const auto chunk = request.tokens.subspan(done, count);
      entry.tokens.insert(entry.tokens.end(), chunk.begin(), chunk.end());
      done += count;
      if (request.progress && !request.progress(done, total) && done < total) return false;
    }
    if (request.tap != nullptr) FillTap(entry, request);
    return true;
  }

  void Truncate(SequenceId sequence, int64_t length) override {
    Entry& entry = At(sequence);
    CHECK(entry.round.empty() && length >= 0 && length <= std::ssize(entry.tokens), "truncate to {}", length);
    entry.tokens.resize(static_cast<size_t>(length));
    truncated_to_.push_back(length);
  }

  std::span<const ScoredRows> Score(std::span<const ScoreRequest> requests) override {
    CHECK(requests.size() == 1);
    const ScoreRequest& request = requests[0];
    const TokenTree& tree = *request.tree;
    Entry& entry = At(request.sequence);
    CHECK(tree.size() <= options_.max_rows, "{} rows", tree.size());
    CHECK(std::ssize(entry.tokens) + tree.size() <= entry.capacity, "{} rows do not fit", tree.size());
    CHECK(request.first_node == 0 || request.view != nullptr || entry.verified, "rows of a draft pass are built on");
    CHECK(request.first_node <= std::ssize(entry.round), "rows before {} were not computed", request.first_node);
    ++(request.view ? draft_passes_ : verify_passes_);
    entry.round.resize(request.first_node);
    logits_.clear();
    for (NodeId node = request.first_node; node < tree.size(); ++node) {
      CHECK(tree.token(node) >= 0 && tree.token(node) < options_.vocab, "token {}", tree.token(node));
      entry.round.push_back({tree.token(node), tree.parent(node)});
      const auto row = request.view ? table_.ShortRow(tree.token(node)) : Row(entry, tree, node);
      logits_.insert(logits_.end(), row.begin(), row.end());
    }
    entry.verified = request.view == nullptr && (request.first_node == 0 || entry.verified);
    scored_ = ScoredRows(request.first_node, tree.size() - request.first_node, logits_, options_.vocab);
    return {&scored_, 1};
  }

  void Commit(SequenceId sequence, std::span<const NodeId> path) override {
    Entry& entry = At(sequence);
    CHECK(entry.verified && !path.empty() && path[0] == 0, "commit without a verified round");
    for (size_t i = 0; i < path.size(); ++i) {
      CHECK(path[i] < std::ssize(entry.round));
      CHECK(i == 0 || entry.round[path[i]].parent == path[i - 1], "the path leaves the tree");
      entry.tokens.push_back(entry.round[path[i]].token);
    }
    entry.round.clear();
    entry.verified = false;
  }

 private:
  struct ScoredRow {
    Token token;
    NodeId parent;
  };
  struct Entry {
    SequenceId id = 0;
    bool open = false, verified = false;
    int64_t capacity = 0;
    std::vector<Token> tokens;
    std::vector<ScoredRow> round;
  };

  std::span<const float> Row(const Entry& entry, const TokenTree& tree, NodeId node) const {
    const Token before = tree.parent(node) >= 0 ? tree.token(tree.parent(node))
                         : entry.tokens.empty() ? 0
                                                : entry.tokens.back();
    return table_.Row(before, tree.token(node));
  }

  void FillTap(const Entry& entry, const PrefillRequest& request) const {
    const auto total = std::ssize(entry.tokens);
    const int64_t rows = std::min<int64_t>(request.tap_rows, total);
    request.tap->first_position = total - rows;
    request.tap->k = request.tap_k;
    request.tap->top.resize(rows * request.tap_k);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t at = total - rows + i;
      TopKIds(table_.Row(at == 0 ? 0 : entry.tokens[at - 1], entry.tokens[at]),
              std::span(request.tap->top).subspan(i * request.tap_k, request.tap_k));
    }
  }

  const Entry& At(SequenceId sequence) const {
    for (const Entry& entry : entries_) {
      if (entry.open && entry.id == sequence) return entry;
    }
    CheckFailed("open sequence", __FILE__, __LINE__, std::to_string(sequence));
  }
  Entry& At(SequenceId sequence) { return const_cast<Entry&>(std::as_const(*this).At(sequence)); }

  Options options_;
  LawTable table_;
  std::vector<Entry> entries_;
  SequenceId next_id_ = 7;
  int open_sequences_ = 0;
  std::vector<int64_t> truncated_to_;
  int64_t verify_passes_ = 0, draft_passes_ = 0, largest_capacity_ = 0;
  std::vector<float> logits_;
  ScoredRows scored_;
};

}  // namespace longshot
