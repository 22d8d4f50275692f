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

  int64_t max_rows_, max_logit_rows_;
  std::unique_ptr<Buffer> hidden_, qkv_, attention_, ffn_, logits_, rope_;
  std::vector<float> embedding_;
  std::vector<int64_t> positions_;
};

/// One forward pass. Layers [layer_begin, layer_end): an early exit, a resumed verification and a whole pass are the
/// same code.
struct ForwardArgs {
  int layer_begin = 0;
  int layer_end = -1;             ///< -1: all
  std::span<const Token> tokens;  ///< [T], embedded when layer_begin is 0
  RowTopology topology;           ///< rows of the round, T or more
  int64_t first_row = 0;          ///< tokens[0] is topology row first_row
  KvBuffer* kv = nullptr;
  const KvView* view = nullptr;  ///< nullptr: full
  bool logits = true;            ///< final norm and head, for rows [logits_begin, T)
  int64_t logits_begin = 0;
  bool prompt = false;  ///< rows of a prompt (`AttentionArgs`)
};

/// Immutable weights and config of a decoder (Llama, Qwen2, Qwen3). Every method is const; scratch and KV are
/// arguments.
class Model {
 public:
  /// Packs the weights of `file` for `backend`. The file stays open for the embedding table. `config` is the file's,
  /// with the caller's RoPE scaling if any.
  /// Errors: those of `ModelFile::RequireDecoder`; kFormat when a weight is not finite.
  Model(Backend* backend, std::shared_ptr<const ModelFile> file, const ModelConfig& config);
  ~Model();

  const ModelConfig& config() const { return config_; }
  Backend& backend() const { return *backend_; }
  const ModelFile& file() const { return *file_; }
  int64_t weight_bytes() const;
  /// What `Model` would hold of this file on this backend, before anything is allocated.
  /// Errors: those of `ModelFile::RequireDecoder`.
  static int64_t WeightBytes(const Backend& backend, const ModelFile& file);

  /// Shape of the KV rows of one sequence of this model.
  KvGeometry Geometry(int64_t capacity, DType k_type, DType v_type) const;

  /// Runs the pass; writes KV of layers [layer_begin, layer_end) into slots base + first_row ...
  /// Returns logits [T - logits_begin, V] (empty when not asked), valid until the next pass on `scratch`.
  MatrixView Forward(const ForwardArgs& args, Scratch& scratch) const;

 private:
  struct Layer;
  std::unique_ptr<Buffer> Vector(const std::string& name) const;
  Layer LoadLayer(int index) const;
  void Embed(std::span<const Token> tokens, Scratch& scratch) const;
  void Attend(const Layer& layer, int index, const ForwardArgs& args, Scratch& scratch) const;
  void FeedForward(const Layer& layer, int64_t rows, Scratch& scratch) const;

  Backend* backend_;
  std::shared_ptr<const ModelFile> file_;
  ModelConfig config_;
  KvView full_view_ = KvView::Full();
  std::vector<double> inverse_frequencies_;
  std::vector<Layer> layers_;
  std::unique_ptr<Buffer> output_norm_;
  std::unique_ptr<PackedWeights> head_;
  const TensorInfo* embedding_;
};

}  // namespace longshot
