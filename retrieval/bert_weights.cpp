#include <initializer_list>

#include "core/error.h"
#include "core/sha256.h"
#include "kernels/backends.h"
#include "retrieval/bert_encoder.h"
#include "retrieval/bert_tensors.h"
#include "runtime/model/weight_source.h"

namespace longshot {
namespace {

/// What vectors depend on besides files and backend: bump it with the rules of cutting, pooling or arithmetic.
constexpr int kEncoderVersion = 1;

std::string Describe(const BertConfig& c) {
  return fmt::format("layers {} heads {} dims {} ffn {} positions {} eps {:a} pooling {} window {}", c.layers, c.heads,
                     c.embed_dim, c.ffn_dim, c.positions, c.norm_eps, c.pooling == BertPooling::kCls ? "cls" : "mean",
                     c.window);
}

}  // namespace

/// Moves the weights of a checked file to the backend.
class BertEncoder::Loader {
 public:
  Loader(BertEncoder& encoder, std::string prefix)
      : encoder_(encoder), backend_(*encoder.backend_), prefix_(std::move(prefix)) {
    const BertConfig& c = encoder.config_;
    encoder.vectors_ = backend_.Allocate(int64_t{3} * c.embed_dim + c.layers * (int64_t{9} * c.embed_dim + c.ffn_dim));
    next_ = encoder.vectors_->data();
  }

  void Load() {
    encoder_.words_ = &Find("embeddings.word_embeddings.weight");
    encoder_.positions_ = &Find("embeddings.position_embeddings.weight");
    encoder_.segment_ = Vector({"embeddings.token_type_embeddings.weight"});
    encoder_.embedding_norm_ = Vector({"embeddings.LayerNorm.weight"});
    encoder_.embedding_norm_bias_ = Vector({"embeddings.LayerNorm.bias"});
    for (int layer = 0; layer < encoder_.config_.layers; ++layer) encoder_.layers_.push_back(LoadLayer(layer));
    encoder_.file_.ReleasePages();
  }

 private:
  const TensorInfo& Find(const std::string& name) const {
    const TensorInfo* tensor = encoder_.file_.Find(prefix_ + name);
    CHECK(tensor != nullptr, "{}", name);
    return *tensor;
  }

  /// The first rows of tensors, one behind the other.
  const float* Vector(std::initializer_list<std::string> names) {
    const float* begin = next_;
    for (const std::string& name : names) {
      const TensorInfo& tensor = Find(name);
      std::vector<float> values(static_cast<size_t>(tensor.shape.back()));
      DequantizeRow(tensor, 0, 0, values);
      backend_.Upload(values, next_);
      next_ += values.size();
    }
    return begin;
  }

  std::unique_ptr<PackedWeights> Matrix(std::initializer_list<std::string> names) {
    std::vector<const TensorInfo*> parts;
    for (const std::string& name : names) parts.push_back(&Find(name));
    return backend_.Pack(StackedRows(std::move(parts), 0));
  }

  Layer LoadLayer(int layer) {
    const auto name = [&](const char* end) { return BertLayerTensor(layer, end); };
    return {.qkv = Matrix({name("attention.self.query.weight"), name("attention.self.key.weight"),
                           name("attention.self.value.weight")}),
            .output = Matrix({name("attention.output.dense.weight")}),
            .up = Matrix({name("intermediate.dense.weight")}),
            .down = Matrix({name("output.dense.weight")}),
            .qkv_bias = Vector({name("attention.self.query.bias"), name("attention.self.key.bias"),
                                name("attention.self.value.bias")}),
            .output_bias = Vector({name("attention.output.dense.bias")}),
            .up_bias = Vector({name("intermediate.dense.bias")}),
            .down_bias = Vector({name("output.dense.bias")}),
            .attention_norm = Vector({name("attention.output.LayerNorm.weight")}),
            .attention_norm_bias = Vector({name("attention.output.LayerNorm.bias")}),
            .ffn_norm = Vector({name("output.LayerNorm.weight")}),
            .ffn_norm_bias = Vector({name("output.LayerNorm.bias")})};
  }

  BertEncoder& encoder_;
  Backend& backend_;
  std::string prefix_;
  float* next_;
};

BertEncoder::BertEncoder(const std::string& folder, Backend* backend)
    : config_(ReadBertConfig(folder)),
      tokenizer_(OpenWordPiece(folder)),
      file_(ModelFile::Open(folder)),
      backend_(backend) {
  CHECK(backend->host_addressable());
  DetectCpu().BestIsa();  // bert_rows.cpp needs what it asks for
  if (tokenizer_.size() > config_.vocab_size) {
    Throw(ErrorCode::kFormat, "{}: the vocabulary has {} pieces, but config.json says vocab_size {}", folder,
          tokenizer_.size(), config_.vocab_size);
  }
  Loader(*this, RequireBertTensors(config_, file_)).Load();
  identity_ =
      Sha256Hex(fmt::format("bert encoder {}\n{}\nvocabulary {}\nweights {}\n{}\n", kEncoderVersion, Describe(config_),
                            tokenizer_.identity(), file_.Checksum(), backend->Describe().numeric_path));
}

BertEncoder::~BertEncoder() = default;

}  // namespace longshot
