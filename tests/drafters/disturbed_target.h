#pragma once

#include <cmath>
#include <span>
#include <map>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "runtime/spec/target.h"
#include "kernels/top_k.h"

namespace longshot {

/// A `Target` whose logits are a pseudo-random function of the last two tokens, so that any draft can be
/// scored without a model. What a pass through a view would miss of the context is played by a second
/// function that is added to the logits: drafts agree with the truth often, not always. Keeps a record of the
/// passes.
class DisturbedTarget final : public Target {
 public:
  struct Options {
    int64_t vocab = 32;
    double sharpness = 2.0;    ///< scale of the logits
    double disturbance = 0.5;  ///< scale of what a view adds
    uint64_t seed = 1;
    int64_t max_context = 1 << 16;
    int64_t max_rows = 64;
  };
  struct Pass {
    int64_t committed = 0, rows = 0;
    NodeId first_node = 0;
    bool through_view = false;
    int64_t tail_begin = 0;
  };

  explicit DisturbedTarget(const Options& options) : options_(options) {}

  int64_t vocab_size() const override { return options_.vocab; }
  int64_t max_context() const override { return options_.max_context; }
  int64_t max_rows() const override { return options_.max_rows; }
  /// The first open sequence is the target's; those opened beside it are drafters' own.
  SequenceId Open(int64_t) override {
    SequenceId sequence = 0;
    while (sequences_.contains(sequence)) ++sequence;
    sequences_[sequence] = {};
    return sequence;
  }
  void Close(SequenceId sequence) override { sequences_.erase(sequence); }
  int64_t committed(SequenceId sequence) const override { return std::ssize(sequences_.at(sequence).committed); }

  bool Prefill(const PrefillRequest& request) override {
    std::vector<Token>& tokens = sequences_.at(request.sequence).committed;
    const size_t begin = tokens.size();
    tokens.insert(tokens.end(), request.tokens.begin(), request.tokens.end());
    if (request.tap == nullptr || request.tap_k <= 0) return true;
    const size_t rows = std::min<size_t>(request.tap_rows, request.tokens.size());
    request.tap->first_position = static_cast<int64_t>(begin + request.tokens.size() - rows);
    request.tap->k = request.tap_k;
    request.tap->top.resize(rows * request.tap_k);
    std::vector<float> logits(options_.vocab);
    for (size_t row = 0; row < rows; ++row) {
      const size_t at = request.tap->first_position + row;
      Logits(at > 0 ? tokens[at - 1] : 0, tokens[at], false, logits);
      TopKIds(logits, std::span(request.tap->top).subspan(row * request.tap_k, request.tap_k));
    }
    return true;
  }

  std::span<const ScoredRows> Score(std::span<const ScoreRequest> requests) override {
    CHECK(requests.size() == 1);
    const ScoreRequest& request = requests[0];
    const TokenTree& tree = *request.tree;
    CHECK(tree.size() - request.first_node <= options_.max_rows);
    const bool through_view = request.view != nullptr, disturbed = through_view || request.sequence != 0;
    Sequence& sequence = sequences_.at(request.sequence);
    const std::vector<Token>& tokens = sequence.committed;
    passes.push_back({std::ssize(tokens), tree.size() - request.first_node, request.first_node, through_view,
                      through_view ? request.view->tail_begin() : 0});
    sequence.tree = tree;
    logits_.resize((tree.size() - request.first_node) * options_.vocab);
    for (NodeId node = request.first_node; node < tree.size(); ++node) {
      const Token before = node > 0 ? tree.token(tree.parent(node)) : tokens.empty() ? 0 : tokens.back();
      Logits(before, tree.token(node), disturbed,
             std::span(logits_).subspan((node - request.first_node) * options_.vocab, options_.vocab));
    }
    rows_ = ScoredRows(request.first_node, tree.size() - request.first_node, logits_, options_.vocab);
    return {&rows_, 1};
  }

  void Commit(SequenceId sequence, std::span<const NodeId> path) override {
    Sequence& at = sequences_.at(sequence);
    for (NodeId node : path) at.committed.push_back(at.tree.token(node));
  }

  void Truncate(SequenceId sequence, int64_t length) override { sequences_.at(sequence).committed.resize(length); }

  /// Logits after `... before, last`.
  void Logits(Token before, Token last, bool disturbed, std::span<float> out) const {
    for (int64_t token = 0; token < options_.vocab; ++token) {
      double logit = options_.sharpness * Noise(before, last, static_cast<Token>(token), 0);
      if (disturbed) logit += options_.disturbance * Noise(before, last, static_cast<Token>(token), 1);
      out[token] = static_cast<float>(logit);
    }
  }

  std::vector<Pass> passes;

 private:
  double Noise(Token before, Token last, Token token, uint32_t salt) const {
    return CoupledNoise{.seed = options_.seed * 2 + salt, .sequence = before}.At(last, token);
  }

  struct Sequence {
    std::vector<Token> committed;
    TokenTree tree;  ///< scored last
  };

  Options options_;
  std::map<SequenceId, Sequence> sequences_;
  std::vector<float> logits_;
  ScoredRows rows_;
};

}  // namespace longshot
