#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"
#include "retrieval/bert_config.h"
#include "retrieval/embedder.h"
#include "retrieval/word_piece.h"
#include "runtime/model/model_file.h"

namespace longshot {

/// Cuts pieces into the windows of an encoder that takes `most` pieces: as few as possible, about equally long, at the
/// beginnings of words where there are any. At least one window. Views into `pieces`.
std::vector<std::span<const Token>> SplitWindows(const WordPiece& tokenizer, std::span<const Token> pieces,
                                                 int64_t most);

/// A BERT encoder whose rows are pooled to one unit vector: all-MiniLM-L6-v2, bge-small-en, bge-base-en.
/// Source: Reimers and Gurevych 2019, arXiv 1908.10084, section 3; Devlin et al. 2018, arXiv 1810.04805.
/// A text's vectors have the same bits whatever it is embedded with, and however many threads there are.
class BertEncoder final : public Embedder {
 public:
  /// Opens a folder with `model.safetensors`, `config.json` and `vocab.txt` (else `tokenizer.json`); see
  /// `ReadBertConfig` for what else it may have. `backend` runs the products, must outlive the encoder and is used by
  /// one call at a time. REQUIRES: backend->host_addressable(). The vectors are those of f32 weights if the backend
  /// holds f32. Errors: kIo (missing file), kFormat naming the tensor that is missing or of another shape or no number,
  /// and those of `ReadBertConfig` and of the vocabulary's readers; kUnsupported naming a tensor that a BERT encoder
  /// would not use, and for processors without AVX2.
  BertEncoder(const std::string& folder, Backend* backend);
  ~BertEncoder() override;

  const std::string& identity() const override { return identity_; }
  int64_t dims() const override { return config_.embed_dim; }
  const BertConfig& config() const { return config_; }
  const WordPiece& tokenizer() const { return tokenizer_; }
  /// Errors: kFormat when the weights make a vector that is no number; what `progress` makes of it, `EmbedStopped`.
  Embeddings Embed(std::span<const std::string_view> texts, const EmbedProgress& progress = {}) const override;

 private:
  /// A layer's matrices and, in backend memory, its vectors.
  struct Layer {
    std::unique_ptr<PackedWeights> qkv, output, up, down;
    const float *qkv_bias, *output_bias, *up_bias, *down_bias;
    const float *attention_norm, *attention_norm_bias, *ffn_norm, *ffn_norm_bias;
  };
  class Loader;
  class Pass;

  BertConfig config_;
  WordPiece tokenizer_;
  ModelFile file_;  ///< the embedding tables are read from the map, row by row
  Backend* backend_;
  std::string identity_;
  std::unique_ptr<Buffer> vectors_;  ///< what the layers' pointers point into
  const float *embedding_norm_ = nullptr, *embedding_norm_bias_ = nullptr, *segment_ = nullptr;
  const TensorInfo *words_ = nullptr, *positions_ = nullptr;
  std::vector<Layer> layers_;
};

}  // namespace longshot
