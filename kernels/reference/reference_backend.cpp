#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/checked.h"
#include "kernels/backends.h"
#include "kernels/cpu/half.h"
#include "kernels/reference/int8_product.h"
#include "kernels/stored_group.h"
#include "kernels/top_k.h"

/// The definition of every operation: naive loops, f32 storage, double accumulation in ascending order.
namespace longshot {
namespace {

class HostBuffer final : public Buffer {
 public:
  explicit HostBuffer(int64_t floats) : values_(static_cast<size_t>(std::max<int64_t>(floats, 1))) {}
  float* data() override { return values_.data(); }

 private:
  std::vector<float> values_;
};

class PlainWeights final : public PackedWeights {
 public:
  PlainWeights(int64_t outputs, int64_t inputs) : outputs_(outputs), inputs_(inputs), values_(outputs * inputs) {}
  int64_t outputs() const override { return outputs_; }
  int64_t inputs() const override { return inputs_; }
  int64_t bytes() const override { return static_cast<int64_t>(values_.size() * sizeof(float)); }
  std::span<float> Row(int64_t r) { return std::span(values_).subspan(r * inputs_, inputs_); }
  std::span<const float> Row(int64_t r) const { return std::span(values_).subspan(r * inputs_, inputs_); }

 private:
  int64_t outputs_, inputs_;
  std::vector<float> values_;
};

/// Rows as their file stores them.
class StoredWeights final : public PackedWeights {
 public:
  struct Row {
    DType type;
    std::vector<std::byte> blocks;
  };

  explicit StoredWeights(const WeightSource& source) : inputs_(source.inputs) {
    for (int64_t r = 0; r < source.outputs; ++r) {
      const DType type = source.type(r);
      const std::byte* blocks = source.stored(r);
      rows_.push_back({type, {blocks, blocks + RowBytes(type, inputs_)}});
    }
  }
  static int64_t RowBytes(DType type, int64_t inputs) {
    return inputs / Info(type).block_size * Info(type).block_bytes;
  }
  int64_t outputs() const override { return static_cast<int64_t>(rows_.size()); }
  int64_t inputs() const override { return inputs_; }
  int64_t bytes() const override {
    int64_t bytes = 0;
    for (const Row& row : rows_) bytes += static_cast<int64_t>(row.blocks.size());
    return bytes;
  }
  const Row& At(int64_t r) const { return rows_[r]; }

 private:
  int64_t inputs_;
  std::vector<Row> rows_;
};

/// Rows as f32 after rounding to the row type, [layers, slots, kv_heads * head_dim].
class PlainKv final : public KvBuffer {
 public:
  explicit PlainKv(const KvGeometry& g)
      : geometry_(g), width_(int64_t{g.kv_heads} * g.head_dim), k_(g.layers * g.capacity * width_), v_(k_.size()) {}
  const KvGeometry& geometry() const override { return geometry_; }
  int64_t bytes() const override { return static_cast<int64_t>(2 * k_.size() * sizeof(float)); }
  int64_t width() const { return width_; }
  float* Key(int layer, int64_t slot) { return &k_[(layer * geometry_.capacity + slot) * width_]; }
  float* Value(int layer, int64_t slot) { return &v_[(layer * geometry_.capacity + slot) * width_]; }

 private:
  KvGeometry geometry_;
  int64_t width_;
  std::vector<float> k_, v_;
};

float RoundTo(DType type, float x) {
  return type == DType::kBF16 ? FromBf16(ToBf16(x)) : type == DType::kF16 ? FromF16(ToF16(x)) : x;
}

/// A row of one head as its row type holds it; q8_0 has one scale for the row.
void RoundRow(DType type, std::span<const float> x, float* y) {
  if (type == DType::kQ8_0) {
    const Int8Row row = RoundToInt8(x, std::ssize(x));
    std::transform(row.quants.begin(), row.quants.end(), y,
                   [&](int8_t quant) { return row.scales[0] * static_cast<float>(quant); });
    return;
  }
  std::transform(x.begin(), x.end(), y, [&](float v) { return RoundTo(type, v); });
}

double InverseRms(const float* x, int64_t n, float eps) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += double{x[i]} * x[i];
  return 1.0 / std::sqrt(squares / static_cast<double>(n) + eps);
}

bool Sees(const HeadView& view, int64_t position) {
  if (position >= view.tail_begin) return true;
  return std::any_of(view.ranges.begin(), view.ranges.end(),
                     [&](const KeyRange& r) { return position >= r.begin && position < r.end; });
}

class ReferenceBackend final : public Backend {
 public:
  explicit ReferenceBackend(WeightType weights) : weights_(weights) { CHECK(weights != WeightType::kBF16); }

  BackendInfo Describe() const override {
    const bool stored = weights_ == WeightType::kStored;
    return {"reference", stored ? "reference int8/f64" : "reference f64", "any processor", 1};
  }
  bool host_addressable() const override { return true; }

  std::unique_ptr<Buffer> Allocate(int64_t floats) override { return std::make_unique<HostBuffer>(floats); }
  std::unique_ptr<PackedWeights> Pack(const WeightSource& source) override {
    if (KeepsStored(source)) return std::make_unique<StoredWeights>(source);
    auto weights = std::make_unique<PlainWeights>(source.outputs, source.inputs);
    for (int64_t r = 0; r < source.outputs; ++r) source.read(r, weights->Row(r));
    return weights;
  }
  int64_t PackedBytes(const WeightSource& source) const override {
    if (!KeepsStored(source)) return source.outputs * source.inputs * 4;
    int64_t bytes = 0;
    for (int64_t r = 0; r < source.outputs; ++r) bytes += StoredWeights::RowBytes(source.type(r), source.inputs);
    return bytes;
  }
  void Upload(std::span<const float> from, float* to) override { std::copy(from.begin(), from.end(), to); }
  void Download(const float* from, std::span<float> to) override { std::copy_n(from, to.size(), to.data()); }
  void Synchronize() override {}

  void Matmul(const MatmulArgs& args) override;
  void RmsNorm(MatrixView x, const float* weight, int64_t group, float eps, MatrixView y) override;
  void RopeTable(std::span<const int64_t> positions, std::span<const double> inverse_frequencies, double magnitude,
                 MatrixView table) override;
  void Rope(MatrixView x, int heads, MatrixView table) override;
  void TopK(MatrixView x, int k, std::span<Token> ids) override;

  std::unique_ptr<KvBuffer> AllocateKv(const KvGeometry& g) override { return std::make_unique<PlainKv>(g); }
  int64_t KvBytes(const KvGeometry& g) const override {
    return CheckedProduct({2, 4, g.layers, g.capacity, g.kv_heads, g.head_dim}, "KV cache");
  }
  void AppendKv(KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) override;
  void CompactKv(KvBuffer& kv, int64_t first_slot, std::span<const int64_t> from) override;
  void ExportKv(const KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) override;
  void PoisonKv(KvBuffer& kv, int64_t first_slot, int64_t count) override;
  std::string KvLayout() const override { return "reference rows f32, version 1"; }
  int64_t KvImageBytes(const KvGeometry& g, int64_t rows) const override {
    return CheckedProduct({2, 4, rows, g.kv_heads, g.head_dim}, "KV image");
  }
  void SaveKv(const KvBuffer& kv, int layer, int64_t rows, std::span<std::byte> image) override;
  void LoadKv(KvBuffer& kv, int layer, int64_t rows, std::span<const std::byte> image, int64_t image_rows) override;
  void Attention(const AttentionArgs& args) override;

 private:
  bool KeepsStored(const WeightSource& source) const {
    if (weights_ != WeightType::kStored || !source.type) return false;
    for (int64_t r = 0; r < source.outputs; ++r) {
      if (!IsBlockType(source.type(r))) return false;
    }
    return true;
  }
  /// Slots that row `node` sees under `view`, in ascending position.
  static std::vector<int64_t> VisibleSlots(const RowTopology& topology, int64_t node, const HeadView& view);

  WeightType weights_;
};

/// y = bias + x W^T of one row x, already normalised.
void MultiplyRow(const PackedWeights& weights, std::span<const double> x, const float* bias, std::span<double> y) {
  const auto* stored = dynamic_cast<const StoredWeights*>(&weights);
  const Int8Row rounded = stored ? RoundToInt8(std::vector<float>(x.begin(), x.end())) : Int8Row();
  for (int64_t o = 0; o < weights.outputs(); ++o) {
    double sum = bias ? bias[o] : 0.0;
    if (stored) {
      sum += Int8Product(stored->At(o).type, stored->At(o).blocks.data(), rounded);
    } else {
      const std::span<const float> w = static_cast<const PlainWeights&>(weights).Row(o);
      for (int64_t i = 0; i < weights.inputs(); ++i) sum += x[i] * w[i];
    }
    y[o] = sum;
  }
}

void ReferenceBackend::Matmul(const MatmulArgs& args) {
  const PackedWeights& weights = *args.weights;
  std::vector<double> x(weights.inputs()), y(weights.outputs());
  for (int64_t t = 0; t < args.x.rows; ++t) {
    const float* row = args.x.data + t * args.x.stride;
    const double scale = args.norm ? InverseRms(row, weights.inputs(), args.norm_eps) : 1.0;
    for (int64_t i = 0; i < weights.inputs(); ++i) x[i] = row[i] * scale * (args.norm ? args.norm[i] : 1.0);
    MultiplyRow(weights, x, args.bias, y);
    float* out = args.y.data + t * args.y.stride;
    for (int64_t o = 0; o < args.y.cols; ++o) {
      switch (args.epilogue) {
        case Epilogue::kNone:
          out[o] = static_cast<float>(y[o]);
          break;
        case Epilogue::kAdd:
          out[o] = static_cast<float>(out[o] + y[o]);
          break;
        case Epilogue::kSwiGlu:
          out[o] = static_cast<float>(y[2 * o] / (1.0 + std::exp(-y[2 * o])) * y[2 * o + 1]);
          break;
      }
    }
  }
}

void ReferenceBackend::RmsNorm(MatrixView x, const float* weight, int64_t group, float eps, MatrixView y) {
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t c = 0; c < x.cols; c += group) {
      const float* in = x.data + t * x.stride + c;
      const double scale = InverseRms(in, group, eps);
      for (int64_t i = 0; i < group; ++i) y.data[t * y.stride + c + i] = static_cast<float>(in[i] * scale * weight[i]);
    }
  }
}

void ReferenceBackend::RopeTable(std::span<const int64_t> positions, std::span<const double> inverse_frequencies,
                                 double magnitude, MatrixView table) {
  const auto pairs = static_cast<int64_t>(inverse_frequencies.size());
  for (size_t t = 0; t < positions.size(); ++t) {
    float* row = table.data + static_cast<int64_t>(t) * table.stride;
    for (int64_t i = 0; i < pairs; ++i) {
      const double angle = static_cast<double>(positions[t]) * inverse_frequencies[i];
      row[i] = static_cast<float>(std::cos(angle) * magnitude);
      row[pairs + i] = static_cast<float>(std::sin(angle) * magnitude);
    }
  }
}

void ReferenceBackend::Rope(MatrixView x, int heads, MatrixView table) {
  const int64_t head_dim = x.cols / heads, pairs = table.cols / 2;
  for (int64_t t = 0; t < x.rows; ++t) {
    const float* cosines = table.data + t * table.stride;
    const float* sines = cosines + pairs;
    for (int h = 0; h < heads; ++h) {
      float* row = x.data + t * x.stride + h * head_dim;
      for (int64_t i = 0; i < pairs; ++i) {
        const double a = row[i], b = row[i + pairs];
        row[i] = static_cast<float>(a * cosines[i] - b * sines[i]);
        row[i + pairs] = static_cast<float>(b * cosines[i] + a * sines[i]);
      }
    }
  }
}

void ReferenceBackend::TopK(MatrixView x, int k, std::span<Token> ids) {
  for (int64_t r = 0; r < x.rows; ++r) {
    TopKIds(std::span(x.data + r * x.stride, static_cast<size_t>(x.cols)), ids.subspan(r * k, k));
  }
}

void ReferenceBackend::AppendKv(KvBuffer& buffer, int layer, int64_t first_slot, MatrixView k, MatrixView v) {
  auto& kv = static_cast<PlainKv&>(buffer);
  const auto head_dim = static_cast<size_t>(kv.geometry().head_dim);
  CHECK(first_slot >= 0 && first_slot + k.rows <= kv.geometry().capacity);
  for (int64_t t = 0; t < k.rows; ++t) {
    for (int64_t i = 0; i < kv.width(); i += head_dim) {
      RoundRow(kv.geometry().k_type, {k.data + t * k.stride + i, head_dim}, kv.Key(layer, first_slot + t) + i);
      RoundRow(kv.geometry().v_type, {v.data + t * v.stride + i, head_dim}, kv.Value(layer, first_slot + t) + i);
    }
  }
}

void ReferenceBackend::CompactKv(KvBuffer& buffer, int64_t first_slot, std::span<const int64_t> from) {
  auto& kv = static_cast<PlainKv&>(buffer);
  for (int layer = 0; layer < kv.geometry().layers; ++layer) {
    for (size_t i = 0; i < from.size(); ++i) {
      const int64_t to = first_slot + static_cast<int64_t>(i);
      std::memmove(kv.Key(layer, to), kv.Key(layer, from[i]), kv.width() * sizeof(float));
      std::memmove(kv.Value(layer, to), kv.Value(layer, from[i]), kv.width() * sizeof(float));
    }
  }
}

void ReferenceBackend::ExportKv(const KvBuffer& buffer, int layer, int64_t first_slot, MatrixView k, MatrixView v) {
  auto& kv = const_cast<PlainKv&>(static_cast<const PlainKv&>(buffer));
  for (int64_t t = 0; t < k.rows; ++t) {
    std::copy_n(kv.Key(layer, first_slot + t), kv.width(), k.data + t * k.stride);
    std::copy_n(kv.Value(layer, first_slot + t), kv.width(), v.data + t * v.stride);
  }
}

void ReferenceBackend::PoisonKv(KvBuffer& buffer, int64_t first_slot, int64_t count) {
  auto& kv = static_cast<PlainKv&>(buffer);
  const int64_t end = std::min(first_slot + count, kv.geometry().capacity);
  for (int layer = 0; layer < kv.geometry().layers; ++layer) {
    for (int64_t slot = first_slot; slot < end; ++slot) {
      std::fill_n(kv.Key(layer, slot), kv.width(), std::numeric_limits<float>::quiet_NaN());
      std::fill_n(kv.Value(layer, slot), kv.width(), std::numeric_limits<float>::quiet_NaN());
    }
  }
}

void ReferenceBackend::SaveKv(const KvBuffer& buffer, int layer, int64_t rows, std::span<std::byte> image) {
  auto& kv = const_cast<PlainKv&>(static_cast<const PlainKv&>(buffer));
  const int64_t half = rows * kv.width() * 4;
  CHECK(rows >= 0 && rows <= kv.geometry().capacity && std::ssize(image) == 2 * half);
  if (rows == 0) return;
  std::memcpy(image.data(), kv.Key(layer, 0), half);
  std::memcpy(image.data() + half, kv.Value(layer, 0), half);
}

void ReferenceBackend::LoadKv(KvBuffer& buffer, int layer, int64_t rows, std::span<const std::byte> image,
                              int64_t image_rows) {
  auto& kv = static_cast<PlainKv&>(buffer);
  const int64_t half = image_rows * kv.width() * 4;
  CHECK(rows >= 0 && rows <= kv.geometry().capacity && rows <= image_rows && std::ssize(image) == 2 * half);
  if (rows == 0) return;
  std::memcpy(kv.Key(layer, 0), image.data(), rows * kv.width() * 4);
  std::memcpy(kv.Value(layer, 0), image.data() + half, rows * kv.width() * 4);
}

std::vector<int64_t> ReferenceBackend::VisibleSlots(const RowTopology& topology, int64_t node, const HeadView& view) {
  std::vector<int64_t> slots;
  for (int64_t i = node; i >= 0; i = topology.parent[i]) slots.push_back(topology.base + i);
  for (int64_t p = topology.base - 1; p >= 0; --p) {
    if (Sees(view, p)) slots.push_back(p);
  }
  std::reverse(slots.begin(), slots.end());
  return slots;
}

void ReferenceBackend::Attention(const AttentionArgs& args) {
  auto& kv = static_cast<PlainKv&>(*args.kv);
  const KvGeometry& g = kv.geometry();
  const int group = args.heads / g.kv_heads;
  std::vector<float> q(g.head_dim);
  std::vector<double> weights, out(g.head_dim);
  for (int64_t t = 0; t < args.q.rows; ++t) {
    for (int h = 0; h < args.heads; ++h) {
      const int64_t offset = int64_t{h / group} * g.head_dim;
      const HeadView& view = args.views[args.views.size() == 1 ? 0 : h / group];
      const std::vector<int64_t> slots = VisibleSlots(args.topology, args.first_row + t, view);
      // Keys in q8_0 are multiplied as integers: the query is rounded as they are.
      RoundRow(g.k_type == DType::kQ8_0 ? DType::kQ8_0 : DType::kF32,
               {args.q.data + t * args.q.stride + int64_t{h} * g.head_dim, q.size()}, q.data());
      weights.assign(slots.size(), 0.0);
      for (size_t s = 0; s < slots.size(); ++s) {
        const float* k = kv.Key(args.layer, slots[s]) + offset;
        for (int d = 0; d < g.head_dim; ++d) weights[s] += double{q[d]} * k[d];
        weights[s] /= std::sqrt(static_cast<double>(g.head_dim));
      }
      const double max = *std::max_element(weights.begin(), weights.end());
      double sum = 0;
      for (double& w : weights) sum += w = std::exp(w - max);
      std::fill(out.begin(), out.end(), 0.0);
      for (size_t s = 0; s < slots.size(); ++s) {
        const float* v = kv.Value(args.layer, slots[s]) + offset;
        for (int d = 0; d < g.head_dim; ++d) out[d] += weights[s] * v[d];
      }
      float* y = args.out.data + t * args.out.stride + int64_t{h} * g.head_dim;
      for (int d = 0; d < g.head_dim; ++d) y[d] = static_cast<float>(out[d] / sum);
    }
  }
}

}  // namespace

std::unique_ptr<Backend> MakeReferenceBackend(WeightType weights) {
  return std::make_unique<ReferenceBackend>(weights);
}

}  // namespace longshot
