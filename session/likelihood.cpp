#include "session/likelihood.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "runtime/spec/token_tree.h"

namespace longshot {
namespace {

/// Rows of one scored pass.
constexpr int64_t kRows = 32;

/// `tokens` as a chain.
TokenTree Chain(std::span<const Token> tokens) {
  TokenTree tree(tokens.front());
  for (size_t i = 1; i < tokens.size(); ++i) {
    tree.Add(static_cast<NodeId>(i - 1), tokens[i], ProposalKind::kDeterministic);
  }
  return tree;
}

/// Scores tokens behind those that are committed: row i predicts `next`[i]. Commits them.
void ScoreChain(Target& target, SequenceId sequence, std::span<const Token> rows, std::span<const Token> next,
                Likelihood& total) {
  const TokenTree tree = Chain(rows);
  const ScoreRequest request{.sequence = sequence, .tree = &tree};
  const ScoredRows& scored = target.Score({&request, 1})[0];
  std::vector<NodeId> path;
  for (NodeId node = 0; node < static_cast<NodeId>(tree.size()); ++node) {
    total.Add(NegativeLogLikelihood(scored.Logits(node), next[static_cast<size_t>(node)]));
    path.push_back(node);
  }
  target.Commit(sequence, path);
}

}  // namespace

void Likelihood::Add(double nll) {
  ++count;
  sum += nll;
  squares += nll * nll;
}

double Likelihood::StandardError() const {
  const auto n = static_cast<double>(count);
  return count < 2 ? 0 : std::sqrt(std::max(0.0, squares / n - Mean() * Mean()) / (n - 1));
}

double Likelihood::Perplexity() const { return std::exp(Mean()); }

double NegativeLogLikelihood(std::span<const float> logits, Token token) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  return std::log(sum) + top - logits[static_cast<size_t>(token)];
}

Likelihood ScoreTokens(Target& target, std::span<const Token> tokens, int64_t first_scored,
                       const std::function<bool()>& go_on) {
  const int64_t last = std::ssize(tokens) - 1;  // predicts nothing
  CHECK(first_scored >= 0 && first_scored < last, "scores rows {} to {}", first_scored, last);
  const SequenceId sequence = target.Open(std::ssize(tokens));
  PrefillRequest prefill;
  prefill.sequence = sequence, prefill.tokens = tokens.first(static_cast<size_t>(first_scored));
  prefill.progress = [&](int64_t, int64_t) { return go_on(); };
  target.Prefill(prefill);
  Likelihood total;
  const int64_t most = std::min(kRows, target.max_rows());
  for (int64_t begin = first_scored; begin < last && go_on(); begin += most) {
    const auto rows = static_cast<size_t>(std::min(most, last - begin)), from = static_cast<size_t>(begin);
    ScoreChain(target, sequence, tokens.subspan(from, rows), tokens.subspan(from + 1, rows), total);
  }
  target.Close(sequence);
  return total;
}

}  // namespace longshot
