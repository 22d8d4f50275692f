#include "retrieval/bert_encoder.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/thread_team.h"
#include "retrieval/bert_rows.h"

namespace longshot {
namespace {

/// Rows of one pass: enough that barriers vanish beside the products, few enough that they stay in the caches.
constexpr int64_t kPassRows = 1024;
/// Rows that cost about as much as a barrier.
constexpr int64_t kRowGrain = 16;

/// Room for a whole window, and for no more than the texts can fill: a byte is at most one piece.
int64_t PassRows(std::span<const std::string_view> texts, int64_t window) {
  int64_t rows = 0;
  for (size_t i = 0; i < texts.size() && rows < kPassRows; ++i) rows += static_cast<int64_t>(texts[i].size()) + 2;
  return std::max(std::min(rows, kPassRows), window);
}

}  // namespace

std::vector<std::span<const Token>> SplitWindows(const WordPiece& tokenizer, std::span<const Token> pieces,
                                                 int64_t most) {
  std::vector<std::span<const Token>> windows;
  do {
    const auto rest = static_cast<int64_t>(pieces.size());
    const int64_t count = (rest + most - 1) / most;
    int64_t length = count > 1 ? (rest + count - 1) / count : rest;
    const int64_t wanted = length;
    while (length > 0 && length < rest && tokenizer.ContinuesWord(pieces[static_cast<size_t>(length)])) --length;
    if (length == 0) length = wanted;
    windows.push_back(pieces.first(static_cast<size_t>(length)));
    pieces = pieces.subspan(static_cast<size_t>(length));
  } while (!pieces.empty());
  return windows;
}

/// Windows that go through the encoder together, one behind the other, and the memory for it.
class BertEncoder::Pass {
 public:
  Pass(const BertEncoder& encoder, int64_t rows)
      : encoder_(encoder),
        config_(encoder.config_),
        team_(encoder.backend_->Describe().threads),
        memory_(encoder.backend_->Allocate(rows * (int64_t{5} * config_.embed_dim + config_.ffn_dim))),
        capacity_(rows) {
    float* at = memory_->data();
    for (auto& [view, cols] : {std::pair{&x_, config_.embed_dim},
                               {&mixed_, config_.embed_dim},
                               {&qkv_, 3 * config_.embed_dim},
                               {&ffn_, config_.ffn_dim}}) {
      *view = {at, rows, cols, cols};
      at += rows * cols;
    }
    scratch_.resize(static_cast<size_t>(team_.size()));
    for (auto& scratch : scratch_) {
      scratch.resize(static_cast<size_t>(AttentionScratch(config_.window, config_.head_dim)));
    }
  }

  bool Holds(std::span<const Token> pieces) const { return Rows() + Length(pieces) <= capacity_; }
  bool empty() const { return ids_.empty(); }

  /// REQUIRES: Holds(pieces).
  void Add(std::span<const Token> pieces, int32_t text) {
    windows_.push_back({Rows(), Length(pieces), text});
    ids_.push_back(encoder_.tokenizer_.cls());
    ids_.insert(ids_.end(), pieces.begin(), pieces.end());
    ids_.push_back(encoder_.tokenizer_.sep());
    for (int64_t i = 0; i < Length(pieces); ++i) positions_.push_back(i);
  }

  /// Encodes what was added, appends its vectors to `result`, and is empty then.
  void Run(Embeddings& result);

  static int64_t Length(std::span<const Token> pieces) { return static_cast<int64_t>(pieces.size()) + 2; }

 private:
  struct Window {
    int64_t first, rows;
    int32_t text;
  };

  int64_t Rows() const { return static_cast<int64_t>(ids_.size()); }
  MatrixView Used(const MatrixView& view) const { return view.Rows(0, Rows()); }
  void EmbedRows();
  void Multiply(const MatrixView& x, const PackedWeights& weights, const float* bias, Epilogue epilogue,
                const MatrixView& y);
  void RunLayer(const Layer& layer);
  void AttendAll();
  void NormRows(const float* weight, const float* bias);
  void Pool(const Window& window, std::span<float> out) const;

  const BertEncoder& encoder_;
  const BertConfig& config_;
  ThreadTeam team_;
  std::unique_ptr<Buffer> memory_;
  int64_t capacity_;
  MatrixView x_, mixed_, qkv_, ffn_;
  std::vector<std::vector<float>> scratch_;  ///< of each worker
  std::vector<Token> ids_;
  std::vector<int64_t> positions_;
  std::vector<Window> windows_;
};

/// x = LayerNorm(word + position + segment).
void BertEncoder::Pass::EmbedRows() {
  const int64_t dims = config_.embed_dim;
  team_.ForRange(Rows(), kRowGrain, [&](int64_t begin, int64_t end) {
    std::vector<float> position(static_cast<size_t>(dims));
    for (int64_t r = begin; r < end; ++r) {
      float* x = x_.data + r * x_.stride;
      DequantizeRow(*encoder_.words_, ids_[r], 0, std::span(x, static_cast<size_t>(dims)));
      DequantizeRow(*encoder_.positions_, positions_[r], 0, position);
      for (int64_t i = 0; i < dims; ++i) x[i] += encoder_.segment_[i] + position[i];
    }
  });
  NormRows(encoder_.embedding_norm_, encoder_.embedding_norm_bias_);
}

void BertEncoder::Pass::NormRows(const float* weight, const float* bias) {
  team_.ForRange(Rows(), kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* x = x_.data + r * x_.stride;
      LayerNorm(x, weight, bias, config_.embed_dim, config_.norm_eps, x);
    }
  });
}

void BertEncoder::Pass::Multiply(const MatrixView& x, const PackedWeights& weights, const float* bias,
                                 Epilogue epilogue, const MatrixView& y) {
  encoder_.backend_->Matmul({.x = Used(x), .weights = &weights, .y = Used(y), .bias = bias, .epilogue = epilogue});
  encoder_.backend_->Synchronize();
}

/// Heads of windows in any order: none reads what another writes.
void BertEncoder::Pass::AttendAll() {
  const int64_t heads = config_.heads, dim = config_.head_dim;
  const int64_t units = static_cast<int64_t>(windows_.size()) * heads;
  std::atomic<int64_t> next{0};
  team_.Run([&](int worker) {
    for (int64_t unit; (unit = next.fetch_add(1, std::memory_order_relaxed)) < units;) {
      const Window& window = windows_[static_cast<size_t>(unit / heads)];
      const float* q = qkv_.data + window.first * qkv_.stride + unit % heads * dim;
      Attend({.q = q,
              .k = q + config_.embed_dim,
              .v = q + 2 * config_.embed_dim,
              .stride = qkv_.stride,
              .rows = window.rows,
              .head_dim = dim,
              .out = mixed_.data + window.first * mixed_.stride + unit % heads * dim,
              .out_stride = mixed_.stride},
             scratch_[static_cast<size_t>(worker)].data());
    }
  });
}

void BertEncoder::Pass::RunLayer(const Layer& layer) {
  Multiply(x_, *layer.qkv, layer.qkv_bias, Epilogue::kNone, qkv_);
  AttendAll();
  Multiply(mixed_, *layer.output, layer.output_bias, Epilogue::kAdd, x_);
  NormRows(layer.attention_norm, layer.attention_norm_bias);
  Multiply(x_, *layer.up, layer.up_bias, Epilogue::kNone, ffn_);
  team_.ForRange(Rows(), kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) Gelu(ffn_.data + r * ffn_.stride, config_.ffn_dim);
  });
  Multiply(ffn_, *layer.down, layer.down_bias, Epilogue::kAdd, x_);
  NormRows(layer.ffn_norm, layer.ffn_norm_bias);
}

/// The window's vector: its mean row or its first, made of length 1.
void BertEncoder::Pass::Pool(const Window& window, std::span<float> out) const {
  const int64_t rows = config_.pooling == BertPooling::kCls ? 1 : window.rows;
  std::fill(out.begin(), out.end(), 0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    const float* x = x_.data + (window.first + r) * x_.stride;
    for (size_t i = 0; i < out.size(); ++i) out[i] += x[i];
  }
  double squares = 0;
  for (const float value : out) squares += double{value} * value;
  const auto scale = static_cast<float>(1.0 / std::sqrt(squares));
  if (!std::isfinite(squares) || !std::isfinite(scale)) {
    Throw(ErrorCode::kFormat, "{}: its weights give a vector without a length: damaged, or no BERT encoder",
          encoder_.file_.path());
  }
  for (float& value : out) value *= scale;
}

void BertEncoder::Pass::Run(Embeddings& result) {
  EmbedRows();
  for (const Layer& layer : encoder_.layers_) RunLayer(layer);
  const auto dims = static_cast<size_t>(config_.embed_dim);
  for (const Window& window : windows_) {
    result.text.push_back(window.text);
    result.vectors.resize(result.vectors.size() + dims);
    Pool(window, std::span(result.vectors).last(dims));
  }
  ids_.clear();
  positions_.clear();
  windows_.clear();
}

Embeddings BertEncoder::Embed(std::span<const std::string_view> texts, const EmbedProgress& progress) const {
  CHECK(texts.size() <= size_t{INT32_MAX});
  const auto total = static_cast<int64_t>(texts.size());
  Embeddings result{.dims = dims(), .vectors = {}, .text = {}};
  Pass pass(*this, PassRows(texts, config_.window));
  const auto run = [&](int64_t done) {
    pass.Run(result);
    if (progress && !progress(done, total)) throw EmbedStopped();
  };
  for (int64_t t = 0; t < total; ++t) {
    const std::vector<Token> pieces = tokenizer_.Encode(texts[t]);
    for (const auto window : SplitWindows(tokenizer_, pieces, config_.window - 2)) {
      if (!pass.Holds(window)) run(t);
      pass.Add(window, static_cast<int32_t>(t));
    }
  }
  if (!pass.empty()) run(total);
  return result;
}

}  // namespace longshot
