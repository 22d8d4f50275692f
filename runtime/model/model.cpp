#include "runtime/model/model.h"

#include <utility>

#include "core/checked.h"
#include "core/error.h"
#include "kernels/stored_group.h"
#include "runtime/model/weight_source.h"

namespace longshot {
namespace {

/// Columns of the fused projection [q; k; v].
int64_t QkvColumns(const ModelConfig& c) { return int64_t{c.heads + 2 * c.kv_heads} * c.head_dim; }
int64_t QueryColumns(const ModelConfig& c) { return int64_t{c.heads} * c.head_dim; }
int64_t KvColumns(const ModelConfig& c) { return int64_t{c.kv_heads} * c.head_dim; }

MatrixView Dense(Buffer& buffer, int64_t rows, int64_t cols) { return {buffer.data(), rows, cols, cols}; }

/// Reads every row for the sake of the check that its values are finite.
void CheckRows(const TensorInfo& tensor) {
  std::vector<float> row(static_cast<size_t>(tensor.shape.back()));
  const int64_t rows = tensor.elements() / tensor.shape.back();
  for (int64_t r = 0; r < rows; ++r) {
    if (IsBlockType(tensor.type)) {
      StoredRow(tensor, r, 0);
    } else {
      DequantizeRow(tensor, r, 0, row);
    }
  }
}

/// The matrices of one layer as they are packed.
struct LayerSources {
  WeightSource qkv, output, gate_up, down;
};

LayerSources SourcesOf(const ModelFile& file, int layer) {
  const auto find = [&](const char* name) { return file.Find(fmt::format("blk.{}.{}", layer, name)); };
  return {
      .qkv = StackedRows({find("attn_q.weight"), find("attn_k.weight"), find("attn_v.weight")}, file.config().head_dim),
      .output = StackedRows({find("attn_output.weight")}, 0),
      .gate_up = AlternatingRows(*find("ffn_gate.weight"), *find("ffn_up.weight")),
      .down = StackedRows({find("ffn_down.weight")}, 0)};
}

WeightSource HeadSource(const ModelFile& file) {
  return StackedRows({file.Find(file.config().tied_head ? "token_embd.weight" : "output.weight")}, 0);
}

}  // namespace

Scratch::Scratch(Backend& backend, const ModelConfig& c, int64_t max_rows, int64_t max_logit_rows)
    : max_rows_(max_rows),
      max_logit_rows_(max_logit_rows),
      hidden_(backend.Allocate(max_rows * c.embed_dim)),
      qkv_(backend.Allocate(max_rows * QkvColumns(c))),
      attention_(backend.Allocate(max_rows * QueryColumns(c))),
      ffn_(backend.Allocate(max_rows * c.ffn_dim)),
      logits_(backend.Allocate(max_logit_rows * c.vocab_size)),
      rope_(backend.Allocate(max_rows * c.rope.dims)),
      embedding_(c.embed_dim),
      positions_(max_rows) {}

int64_t Scratch::Bytes(const ModelConfig& c, int64_t max_rows, int64_t max_logit_rows) {
  const int64_t row = c.embed_dim + QkvColumns(c) + QueryColumns(c) + c.ffn_dim + c.rope.dims;
  return 4 * (max_rows * row + max_logit_rows * c.vocab_size);
}

struct Model::Layer {
  std::unique_ptr<Buffer> attention_norm, ffn_norm;
  std::unique_ptr<Buffer> qkv_bias;        ///< Qwen2
  std::unique_ptr<Buffer> q_norm, k_norm;  ///< Qwen3, [D]
  std::unique_ptr<PackedWeights> qkv;      ///< [(H + 2 K) D, E]
  std::unique_ptr<PackedWeights> output;   ///< [E, H D]
  std::unique_ptr<PackedWeights> gate_up;  ///< [2 F, E], rows alternate
  std::unique_ptr<PackedWeights> down;     ///< [E, F]
};

Model::Model(Backend* backend, std::shared_ptr<const ModelFile> file, const ModelConfig& config)
    : backend_(backend), file_(std::move(file)), config_(config) {
  file_->RequireDecoder();
  inverse_frequencies_ = config_.rope.InverseFrequencies();
  embedding_ = file_->Find("token_embd.weight");
  for (int i = 0; i < config_.layers; ++i) layers_.push_back(LoadLayer(i));
  output_norm_ = Vector("output_norm.weight");
  head_ = backend_->Pack(HeadSource(*file_));
  if (!config_.tied_head) CheckRows(*embedding_);  // packing has not read them
  file_->ReleasePages();
}

Model::~Model() = default;

std::unique_ptr<Buffer> Model::Vector(const std::string& name) const {
  const TensorInfo& tensor = *file_->Find(name);
  std::vector<float> values(tensor.elements());
  DequantizeRow(tensor, 0, 0, values);
  auto buffer = backend_->Allocate(tensor.elements());
  backend_->Upload(values, buffer->data());
  return buffer;
}

Model::Layer Model::LoadLayer(int index) const {
  const std::string prefix = fmt::format("blk.{}.", index);
  const auto find = [&](const char* name) -> const TensorInfo& { return *file_->Find(prefix + name); };
  Layer layer;
  layer.attention_norm = Vector(prefix + "attn_norm.weight");
  layer.ffn_norm = Vector(prefix + "ffn_norm.weight");

  const LayerSources sources = SourcesOf(*file_, index);
  layer.qkv = backend_->Pack(sources.qkv);
  layer.output = backend_->Pack(sources.output);
  layer.gate_up = backend_->Pack(sources.gate_up);
  layer.down = backend_->Pack(sources.down);
  if (config_.qkv_bias) {
    const int64_t q_rows = QueryColumns(config_), kv_rows = KvColumns(config_);
    std::vector<float> bias(QkvColumns(config_));
    DequantizeRow(find("attn_q.bias"), 0, 0, std::span(bias).first(q_rows));
    DequantizeRow(find("attn_k.bias"), 0, 0, std::span(bias).subspan(q_rows, kv_rows));
    DequantizeRow(find("attn_v.bias"), 0, 0, std::span(bias).last(kv_rows));
    layer.qkv_bias = backend_->Allocate(static_cast<int64_t>(bias.size()));
    backend_->Upload(bias, layer.qkv_bias->data());
  }
  if (config_.qk_norm) {
    layer.q_norm = Vector(prefix + "attn_q_norm.weight");
    layer.k_norm = Vector(prefix + "attn_k_norm.weight");
  }
  return layer;
}

int64_t Model::WeightBytes(const Backend& backend, const ModelFile& file) {
  file.RequireDecoder();
  int64_t bytes = backend.PackedBytes(HeadSource(file));
  for (int i = 0; i < file.config().layers; ++i) {
    const LayerSources layer = SourcesOf(file, i);
    for (const WeightSource* matrix : {&layer.qkv, &layer.output, &layer.gate_up, &layer.down}) {
      bytes = CheckedAdd(bytes, backend.PackedBytes(*matrix), "weights");
    }
    bytes = CheckedAdd(bytes, int64_t{8} * file.config().embed_dim, "weights");
  }
  return bytes;
}

int64_t Model::weight_bytes() const { return WeightBytes(*backend_, *file_); }

KvGeometry Model::Geometry(int64_t capacity, DType k_type, DType v_type) const {
  return {config_.layers, config_.kv_heads, config_.head_dim, capacity, k_type, v_type};
}

void Model::Embed(std::span<const Token> tokens, Scratch& scratch) const {
  for (size_t t = 0; t < tokens.size(); ++t) {
    CHECK(tokens[t] >= 0 && tokens[t] < config_.vocab_size, "token {}", tokens[t]);
    DequantizeRow(*embedding_, tokens[t], 0, scratch.embedding_);
    backend_->Upload(scratch.embedding_, scratch.hidden_->data() + static_cast<int64_t>(t) * config_.embed_dim);
  }
}

/// h += W_o Attention(RoPE(W_q n), RoPE(W_k n), W_v n), n = RMSNorm(h).
void Model::Attend(const Layer& layer, int index, const ForwardArgs& args, Scratch& scratch) const {
  const auto rows = static_cast<int64_t>(args.tokens.size());
  const MatrixView hidden = Dense(*scratch.hidden_, rows, config_.embed_dim);
  const MatrixView qkv = Dense(*scratch.qkv_, rows, QkvColumns(config_));
  const MatrixView q = qkv.Columns(0, QueryColumns(config_));
  const MatrixView k = qkv.Columns(q.cols, KvColumns(config_));
  const MatrixView v = qkv.Columns(q.cols + k.cols, k.cols);
  const MatrixView attention = Dense(*scratch.attention_, rows, q.cols);
  const MatrixView rope = Dense(*scratch.rope_, rows, config_.rope.dims);

  backend_->Matmul({.x = hidden,
                    .weights = layer.qkv.get(),
                    .y = qkv,
                    .norm = layer.attention_norm->data(),
                    .norm_eps = config_.norm_eps,
                    .bias = layer.qkv_bias ? layer.qkv_bias->data() : nullptr,
                    .role = ProductRole::kQkv});
  if (config_.qk_norm) {
    backend_->RmsNorm(q, layer.q_norm->data(), config_.head_dim, config_.norm_eps, q);
    backend_->RmsNorm(k, layer.k_norm->data(), config_.head_dim, config_.norm_eps, k);
  }
  backend_->Rope(qkv.Columns(0, q.cols + k.cols), config_.heads + config_.kv_heads, rope);
  backend_->AppendKv(*args.kv, index, args.topology.base + args.first_row, k, v);
  backend_->Attention({.q = q,
                       .out = attention,
                       .heads = config_.heads,
                       .kv = args.kv,
                       .layer = index,
                       .topology = args.topology,
                       .first_row = args.first_row,
                       .views = (args.view ? args.view : &full_view_)->Layer(index),
                       .prompt = args.prompt});
  backend_->Matmul({.x = attention,
                    .weights = layer.output.get(),
                    .y = hidden,
                    .epilogue = Epilogue::kAdd,
                    .role = ProductRole::kAttentionOutput});
}

/// h += W_down (silu(W_gate n) * W_up n), n = RMSNorm(h). Source: Shazeer 2020, arXiv 2002.05202.
void Model::FeedForward(const Layer& layer, int64_t rows, Scratch& scratch) const {
  const MatrixView hidden = Dense(*scratch.hidden_, rows, config_.embed_dim);
  const MatrixView inner = Dense(*scratch.ffn_, rows, config_.ffn_dim);
  backend_->Matmul({.x = hidden,
                    .weights = layer.gate_up.get(),
                    .y = inner,
                    .norm = layer.ffn_norm->data(),
                    .norm_eps = config_.norm_eps,
                    .epilogue = Epilogue::kSwiGlu,
                    .role = ProductRole::kGateUp});
  backend_->Matmul(
      {.x = inner, .weights = layer.down.get(), .y = hidden, .epilogue = Epilogue::kAdd, .role = ProductRole::kDown});
}

MatrixView Model::Forward(const ForwardArgs& args, Scratch& scratch) const {
  const auto rows = static_cast<int64_t>(args.tokens.size());
  const int layer_end = args.layer_end < 0 ? config_.layers : args.layer_end;
  CHECK(rows > 0 && rows <= scratch.max_rows_ && args.first_row + rows <= args.topology.rows());
  CHECK(args.layer_begin >= 0 && args.layer_begin <= layer_end && layer_end <= config_.layers);

  if (args.layer_begin == 0) Embed(args.tokens, scratch);
  for (int64_t t = 0; t < rows; ++t) {
    scratch.positions_[t] = args.topology.base + args.topology.depth[args.first_row + t];
  }
  backend_->RopeTable(std::span(scratch.positions_).first(rows), inverse_frequencies_, config_.rope.Magnitude(),
                      Dense(*scratch.rope_, rows, config_.rope.dims));
  for (int i = args.layer_begin; i < layer_end; ++i) {
    Attend(layers_[i], i, args, scratch);
    FeedForward(layers_[i], rows, scratch);
  }
  if (!args.logits) return {};

  const int64_t wanted = rows - args.logits_begin;
  CHECK(wanted > 0 && wanted <= scratch.max_logit_rows_, "{} rows of logits", wanted);
  const MatrixView logits = Dense(*scratch.logits_, wanted, config_.vocab_size);
  backend_->Matmul({.x = Dense(*scratch.hidden_, rows, config_.embed_dim).Rows(args.logits_begin, wanted),
                    .weights = head_.get(),
                    .y = logits,
                    .norm = output_norm_->data(),
                    .norm_eps = config_.norm_eps,
                    .role = ProductRole::kHead});
  return logits;
}

}  // namespace longshot
