#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/kv/kv_store.h"
#include "runtime/model/model.h"
#include "runtime/spec/target.h"

namespace longshot {

struct ModelTargetOptions {
  int64_t max_context = 0;      ///< 0: the model's own
  DType k_type = DType::kBF16;
  DType v_type = DType::kBF16;
  int64_t prefill_rows = 512;   ///< prompt tokens per pass (llama.cpp's ubatch)
  int64_t max_rows = 64;        ///< rows of one scoring pass, the pending token included
};

/// A `Target` over one model and its sequences' KV rows.
class ModelTarget final : public Target {
 public:
  /// Errors: kCapacity when max_context exceeds what the model supports.
  ModelTarget(const Model* model, const ModelTargetOptions& options);
  ~ModelTarget() override;

  int64_t vocab_size() const override { return model_->config().vocab_size; }
  int64_t max_context() const override { return options_.max_context; }
  int64_t max_rows() const override { return options_.max_rows; }
  SequenceId Open(int64_t capacity) override;
  void Close(SequenceId sequence) override;
  int64_t committed(SequenceId sequence) const override { return store_.committed(sequence); }
  bool Prefill(const PrefillRequest& request) override;
  std::span<const ScoredRows> Score(std::span<const ScoreRequest> requests) override;
  void Commit(SequenceId sequence, std::span<const NodeId> path) override;

  KvStore& store() { return store_; }
  const Model& model() const { return *model_; }
  static int64_t ScratchBytes(const ModelConfig& config, const ModelTargetOptions& options);

  /// Wall time of scoring passes over `committed` rows of made-up context: the verification cost curve. Opens a
  /// sequence of its own and frees it.
  class CostProbe {
   public:
    CostProbe(ModelTarget& target, int64_t committed);
    ~CostProbe();
    /// Milliseconds of one pass of `rows` rows, the least of `repeats` passes.
    double Milliseconds(int64_t rows, int repeats = 2);

   private:
    ModelTarget& target_;
    SequenceId sequence_;
  };

 private:
  /// Feeds one piece of a prompt as a chain; logits for its last `logit_rows` rows.
  MatrixView Feed(SequenceId sequence, std::span<const Token> tokens, int64_t logit_rows);

  const Model* model_;
  ModelTargetOptions options_;
  KvStore store_;
  Scratch scratch_;
  std::vector<std::optional<Round>> rounds_;  ///< by sequence
  std::vector<int32_t> chain_parent_, chain_depth_;
  std::vector<ScoredRows> scored_;
};

}  // namespace longshot
