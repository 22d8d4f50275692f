#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "session/memory_plan.h"
#include "core/types.h"
#include "runtime/kv/kv_store.h"
#include "runtime/model/model.h"

namespace longshot {

/// One sequence of a model without sampling or speculation: what `bench` times and `perplexity` scores.
class BareSequence {
 public:
  struct Options {
    int64_t capacity = 0;  ///< tokens
    DType k_type = DType::kBF16;
    DType v_type = DType::kBF16;
    int64_t pass_rows = 512;  ///< most rows of one pass
    int64_t logit_rows = 1;   ///< most rows of one pass whose logits are wanted
  };

  /// What a sequence and its model take.
  static MemoryRequest Memory(const Options& options);

  /// The model must outlive it. Errors: kCapacity when memory is short.
  BareSequence(const Model* model, const Options& options);

  int64_t length() const { return store_.committed(sequence_); }
  /// Commits tokens of a prompt, `pass_rows` at a time, without logits.
  void Feed(std::span<const Token> tokens);
  /// Commits one pass, of `prompt` or of generated rows, and returns logits [T, V] of its rows, valid until the next
  /// pass. REQUIRES: at most `logit_rows` tokens.
  std::span<const float> FeedForLogits(std::span<const Token> tokens, bool prompt);
  /// One verification pass over a chain of `tokens`, dropped again. REQUIRES: at most `logit_rows` tokens.
  void Verify(std::span<const Token> tokens);
  /// Forgets tokens from `length` on.
  void Truncate(int64_t length) { store_.Truncate(sequence_, length); }

 private:
  MatrixView Pass(std::span<const Token> tokens, bool logits, bool prompt);

  const Model* model_;
  Options options_;
  KvStore store_;
  SequenceId sequence_;
  Scratch scratch_;
  std::vector<int32_t> parents_, depths_;
  std::vector<float> logits_;
};

}  // namespace longshot
