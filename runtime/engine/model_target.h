#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/kv/kv_store.h"
#include "runtime/model/model.h"
#include "runtime/spec/target.h"

namespace longshot {

struct ModelTargetOptions {
  int64_t max_context = 0;  ///< 0: the model's own
  DType k_type = DType::kBF16;
  DType v_type = DType::kBF16;
  int64_t prefill_rows = 512;  ///< prompt tokens per pass (llama.cpp's ubatch)
  int64_t max_rows = 128;      ///< rows of one scoring pass, the pending token included

  /// Rows of the largest pass of either kind.
  int64_t pass_rows() const { return std::max(prefill_rows, max_rows); }
};

/// A `Target` over one model and its sequences' KV rows.
class ModelTarget final : public Target {
 public:
  /// REQUIRES: prefill_rows and max_rows of at least 1. Errors: kUnsupported when max_context exceeds a sliding
  /// window that the model was trained with.
  ModelTarget(const Model* model, const ModelTargetOptions& options);
  ~ModelTarget() override;

  int64_t vocab_size() const override { return model_->config().vocab_size; }
  int64_t max_context() const override { return options_.max_context; }
  int64_t max_rows() const override { return options_.max_rows; }
  SequenceId Open(int64_t capacity) override;
  void Close(SequenceId sequence) override;
  int64_t committed(SequenceId sequence) const override { return store_.committed(sequence); }
  int64_t BytesOf(SequenceId sequence) const override;
  bool Prefill(const PrefillRequest& request) override;
  void Truncate(SequenceId sequence, int64_t length) override { store_.Truncate(sequence, length); }
  std::span<const ScoredRows> Score(std::span<const ScoreRequest> requests) override;
  void Commit(SequenceId sequence, std::span<const NodeId> path) override;

  KvStore& store() { return store_; }
  const Model& model() const { return *model_; }
  static int64_t ScratchBytes(const ModelConfig& config, const ModelTargetOptions& options);

  /// Wall time, in milliseconds, of a scoring pass over `tree` behind the sequence's committed rows, seen through
  /// `view` (nullptr: all of them), taken from a quarter of the layers and, with `logits`, the head: the least of
  /// `repeats`. Leaves nothing behind. REQUIRES: room for the tree; no scored tree waits for its commit.
  double PassMs(SequenceId sequence, const TokenTree& tree, const KvView* view, int repeats, bool logits = true);
  /// Rows that a pass over the sequence may have.
  int64_t free_rows(SequenceId sequence) const;

 private:
  /// Logits of a pass, where the host can read them.
  std::span<const float> OnHost(MatrixView logits);
  /// Feeds one piece of a prompt as a chain; logits for its last `logit_rows` rows.
  MatrixView Feed(SequenceId sequence, std::span<const Token> tokens, int64_t logit_rows);

  const Model* model_;
  ModelTargetOptions options_;
  KvStore store_;
  Scratch scratch_;
  std::vector<std::optional<Round>> rounds_;  ///< by sequence
  std::vector<int32_t> chain_parent_, chain_depth_;
  std::vector<float> host_logits_;  ///< [max_rows, V] where the host cannot read the backend's memory, else empty
  std::vector<ScoredRows> scored_;
};

}  // namespace longshot
