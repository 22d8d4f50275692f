#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "core/types.h"
#include "runtime/spec/target.h"

namespace longshot {

/// Sums of negative log-likelihoods, in nats.
struct Likelihood {
  int64_t count = 0;
  double sum = 0, squares = 0;

  void Add(double nll);
  double Mean() const { return sum / static_cast<double>(count); }
  double StandardError() const;
  double Perplexity() const;  ///< exp of the mean
};

/// -log softmax(logits)[token], in nats; logits [V].
double NegativeLogLikelihood(std::span<const float> logits, Token token);

/// How well a target predicts tokens [first_scored + 1, ...) of a text from those before them, in the passes that
/// verification makes: what a policy or a type of cache does to generated tokens shows here. Opens and closes a
/// sequence of its own. `go_on`, asked before each pass, may end it early. REQUIRES: 0 <= first_scored < tokens - 1.
/// Errors: kCapacity when the text exceeds the target's context.
Likelihood ScoreTokens(Target& target, std::span<const Token> tokens, int64_t first_scored,
                       const std::function<bool()>& go_on);

}  // namespace longshot
