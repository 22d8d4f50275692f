#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/types.h"
#include "kernels/kernels.h"
#include "runtime/kv/kv_view.h"
#include "runtime/model/model_config.h"
#include "runtime/model/model_file.h"

namespace longshot {

/// Working memory of forward passes, sized once; owned by the caller so that `Model` stays const.
class Scratch {
 public:
  /// Room for passes of up to `max_rows` rows, logits for up to `max_logit_rows` of them.
  Scratch(Backend& backend, const ModelConfig& config, int64_t max_rows, int64_t max_logit_rows);
  static int64_t Bytes(const ModelConfig& config, int64_t max_rows, int64_t max_logit_rows);

  int64_t max_rows() const { return max_rows_; }

 private:
  friend class Model;
  MatrixView View(Buffer& buffer, int64_t rows, int64_t cols) const;

  int64_t max_rows_, max_logit_rows_;
  std::unique_ptr<Buffer> hidden_, qkv_, attention_, ffn_, logits_;
  std::vector<float> embedding_;
  std::vector<int64_t> positions_;
};

/// One forward pass. Layers [layer_begin, layer_end): an early exit, a resumed verification and a whole pass are the
/// same code.
struct ForwardArgs {
  int layer_begin = 0;
  int layer_end = -1;              ///< -1: all
  std::span<const Token> tokens;   ///< [T], embedded when layer_begin is 0
  RowTopology topology;            ///< rows of the round, T or more
  int64_t first_row = 0;           ///< tokens[0] is topology row first_row
  KvBuffer* kv = nullptr;
  const KvView* view = nullptr;    ///< nullptr: full
  Phase phase = Phase::kDecode;
  bool logits = true;              ///< final norm and head, for rows [logits_begin, T)
  int64_t logits_begin = 0;
};

/// Immutable weights and config of a decoder (Llama, Qwen2, Qwen3). Every method is const; scratch and KV are
/// arguments.
class Model {
 public:
  /// Packs the weights of `file` for `backend`. The file stays open for the embedding table.
  /// Errors: kFormat when a tensor is missing or has another shape than the config asks for.
  Model(Backend* backend, std::shared_ptr<const ModelFile> file);
  ~Model();

  const ModelConfig& config() const { return config_; }
  Backend& backend() const { return *backend_; }
  const ModelFile& file() const { return *file_; }
  int64_t weight_bytes() const;
  /// What `Model` would hold for this config on this backend, before anything is allocated.
  static int64_t WeightBytes(const Backend& backend, const ModelConfig& config);

  /// Shape of the KV rows of one sequence of this model.
  KvGeometry Geometry(int64_t capacity, DType k_type, DType v_type) const;

  /// Runs the pass; writes KV of layers [layer_begin, layer_end) into slots base + first_row ...
  /// Returns logits [T - logits_begin, V] (empty when not asked), valid until the next pass on `scratch`.
  MatrixView Forward(const ForwardArgs& args, Scratch& scratch) const;

 private:
  struct Layer;
  void Attend(const Layer& layer, int index, const ForwardArgs& args, Scratch& scratch, int64_t rows) const;
  void FeedForward(const Layer& layer, const ForwardArgs& args, Scratch& scratch, int64_t rows) const;

  Backend* backend_;
  std::shared_ptr<const ModelFile> file_;
  ModelConfig config_;
  std::vector<double> inverse_frequencies_;
  std::vector<Layer> layers_;
  std::unique_ptr<Buffer> output_norm_;
  std::unique_ptr<PackedWeights> head_;
};

}  // namespace longshot
