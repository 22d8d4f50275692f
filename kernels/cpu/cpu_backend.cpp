#include <dnnl.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "core/checked.h"
#include "kernels/backends.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/cpu_kv.h"
#include "kernels/cpu/host_pages.h"
#include "kernels/cpu/int8_matmul.h"
#include "kernels/cpu/int8_pack.h"
#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/matmul.h"
#include "kernels/top_k.h"

namespace longshot {
namespace {

/// Rows of RoPE that cost about as much as a barrier.
constexpr int64_t kRopeRows = 8;

/// Page-aligned host memory, zero until written.
class CpuBuffer final : public Buffer {
 public:
  explicit CpuBuffer(int64_t floats)
      : pages_(std::max<int64_t>(floats, 1) * static_cast<int64_t>(sizeof(float)), "working memory") {}
  float* data() override { return reinterpret_cast<float*>(pages_.data()); }

 private:
  HostPages pages_;
};

/// With f32 weights AVX-512 computes in f32 throughout, so that the path of that name is the same on every processor.
const KernelSet& ChooseKernels(CpuIsa isa, WeightType weights) {
  switch (isa) {
    case CpuIsa::kAmx:
      return AmxKernels();
    case CpuIsa::kAvx512:
      return weights == WeightType::kBF16 ? Avx512Bf16Kernels() : Avx512Kernels();
    case CpuIsa::kAvx2:
      break;
  }
  return Avx2Kernels();
}

/// The same bits whichever it is: only speed decides.
const Int8Kernels& ChooseInt8Kernels(CpuIsa isa, const CpuFeatures& features) {
  if (isa == CpuIsa::kAmx && features.amx_int8 && features.avx512_vnni) return AmxInt8();
  if (isa != CpuIsa::kAvx2 && features.avx512_vnni) return Avx512VnniInt8();
  return features.avx_vnni ? AvxVnniInt8() : Avx2Int8();
}

/// The same bits whichever it is.
const RowTypeKernel& ChooseQ8(CpuIsa isa, const CpuFeatures& features) {
  if (isa == CpuIsa::kAmx && features.amx_int8) return AmxQ8();
  return isa != CpuIsa::kAvx2 && features.avx512_vnni ? Avx512VnniQ8() : Avx2Q8();
}

/// Weights held as floats keep floats throughout.
const PromptKernels* ChoosePrompt(CpuIsa isa, bool stored) {
  return isa == CpuIsa::kAvx2 && stored ? &Avx2Prompt() : nullptr;
}

std::string_view Name(CpuIsa isa) { return isa == CpuIsa::kAmx ? "amx" : isa == CpuIsa::kAvx512 ? "avx512" : "avx2"; }

/// Holds oneDNN to the instruction set in force. The library listens once per process, before its first use, so what
/// it was told first is remembered for the process: the one static of this folder.
void LimitLibrary(CpuIsa isa, const CpuFeatures& features) {
  const dnnl::cpu_isa limit = isa == CpuIsa::kAvx2   ? dnnl::cpu_isa::avx2
                              : isa == CpuIsa::kAmx  ? dnnl::cpu_isa::all
                              : features.avx512_bf16 ? dnnl::cpu_isa::avx512_core_bf16
                                                     : dnnl::cpu_isa::avx512_core;
  static std::optional<CpuIsa> told;
  if (!told) {
    // `all` is the library's own default, and it refuses to be told so once it has been used.
    const auto status = isa == CpuIsa::kAmx ? dnnl_success : dnnl_set_max_cpu_isa(static_cast<dnnl_cpu_isa_t>(limit));
    if (status != dnnl_success) {
      Throw(ErrorCode::kUnsupported,
            "oneDNN does not let itself be held to {} (status {}): make the backend before any other use of it",
            Name(isa), static_cast<int>(status));
    }
    told = isa;
  }
  if (*told != isa) {
    Throw(ErrorCode::kUnsupported, "the matrix library keeps its first instruction set: use one --cpu-isa per process");
  }
}

class CpuBackend final : public Backend {
 public:
  /// `floats`: how plain floats are held. `stored`: whether block types are kept as they are.
  CpuBackend(const CpuOptions& options, const CpuFeatures& features, CpuIsa isa, WeightType floats, bool stored)
      : isa_(isa),
        floats_(floats),
        stored_(stored),
        device_(features.model_name),
        kernels_(&ChooseKernels(isa, floats)),
        team_(options.threads),
        matmul_(&team_, kernels_, floats),
        int8_matmul_(&team_, kernels_, &ChooseInt8Kernels(isa, features)),
        prompt_(ChoosePrompt(isa, stored)),
        attention_(&team_, kernels_, &ChooseQ8(isa, features), prompt_) {}

  BackendInfo Describe() const override {
    return {"cpu",
            fmt::format("{} {}{}{}", Name(isa_), stored_ ? "int8/" : "", prompt_ != nullptr ? "int16/" : "",
                        floats_ == WeightType::kBF16 ? "bf16" : "f32"),
            device_, team_.size()};
  }

  bool host_addressable() const override { return true; }

  std::unique_ptr<Buffer> Allocate(int64_t floats) override { return std::make_unique<CpuBuffer>(floats); }
  std::unique_ptr<PackedWeights> Pack(const WeightSource& source) override {
    if (KeepsStored(source)) return std::make_unique<Int8Weights>(team_, weight_pages_, source);
    return matmul_.Pack(source.outputs, source.inputs, source.read);
  }
  int64_t PackedBytes(const WeightSource& source) const override {
    return KeepsStored(source) ? TileBytes(source) : matmul_.PackedBytes(source.outputs, source.inputs);
  }
  void Upload(std::span<const float> from, float* to) override { std::memcpy(to, from.data(), from.size_bytes()); }
  void Download(const float* from, std::span<float> to) override { std::memcpy(to.data(), from, to.size_bytes()); }
  void Synchronize() override {}

  double PeakProductRate() override { return matmul_.PeakRate(); }
  void Matmul(const MatmulArgs& args) override;
  void RmsNorm(MatrixView x, const float* weight, int64_t group, float eps, MatrixView y) override;
  void RopeTable(std::span<const int64_t> positions, std::span<const double> inverse_frequencies, double magnitude,
                 MatrixView table) override;
  void Rope(MatrixView x, int heads, MatrixView table) override;
  void TopK(MatrixView x, int k, std::span<Token> ids) override;

  std::unique_ptr<KvBuffer> AllocateKv(const KvGeometry& geometry) override {
    return std::make_unique<CpuKv>(geometry);
  }
  int64_t KvBytes(const KvGeometry& geometry) const override { return CpuKv::Bytes(geometry); }
  void AppendKv(KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) override;
  void CompactKv(KvBuffer& kv, int64_t first_slot, std::span<const int64_t> from) override;
  void ExportKv(const KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) override;
  void PoisonKv(KvBuffer& kv, int64_t first_slot, int64_t count) override;
  std::string KvLayout() const override { return CpuKv::kLayout; }
  int64_t KvImageBytes(const KvGeometry& geometry, int64_t rows) const override {
    return CheckedProduct({geometry.kv_heads, CpuKv::ImageBytes(geometry, rows)}, "KV image");
  }
  void SaveKv(const KvBuffer& kv, int layer, int64_t rows, std::span<std::byte> image) override;
  void LoadKv(KvBuffer& kv, int layer, int64_t rows, std::span<const std::byte> image, int64_t image_rows) override;
  void Attention(const AttentionArgs& args) override { attention_.Run(args); }

 private:
  bool KeepsStored(const WeightSource& source) const { return stored_ && source.type && HasUniformTiles(source); }

  CpuIsa isa_;
  WeightType floats_;
  bool stored_;
  std::string device_;
  const KernelSet* kernels_;
  ThreadTeam team_;
  CpuMatmul matmul_;
  Int8Matmul int8_matmul_;
  SharedPages weight_pages_;
  const PromptKernels* prompt_;
  CpuAttention attention_;
};

void CpuBackend::Matmul(const MatmulArgs& args) {
  const int64_t outputs = args.weights->outputs();
  CHECK(args.x.cols == args.weights->inputs() && args.x.rows <= args.y.rows);
  CHECK(args.y.cols == (args.epilogue == Epilogue::kSwiGlu ? outputs / 2 : outputs));
  if (const auto* stored = dynamic_cast<const Int8Weights*>(args.weights)) {
    int8_matmul_.Run(args, *stored);
  } else {
    matmul_.Run(args);
  }
}

void CpuBackend::RmsNorm(MatrixView x, const float* weight, int64_t group, float eps, MatrixView y) {
  team_.ForRange(x.rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < x.cols; c += group) {
        kernels_->norm_f32(x.data + r * x.stride + c, weight, group, eps, y.data + r * y.stride + c);
      }
    }
  });
}

void CpuBackend::RopeTable(std::span<const int64_t> positions, std::span<const double> inverse_frequencies,
                           double magnitude, MatrixView table) {
  const auto pairs = static_cast<int64_t>(inverse_frequencies.size());
  team_.ForRange(static_cast<int64_t>(positions.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t i = 0; i < pairs; ++i) {
        const double angle = static_cast<double>(positions[t]) * inverse_frequencies[i];
        table.data[t * table.stride + i] = static_cast<float>(std::cos(angle) * magnitude);
        table.data[t * table.stride + pairs + i] = static_cast<float>(std::sin(angle) * magnitude);
      }
    }
  });
}

void CpuBackend::Rope(MatrixView x, int heads, MatrixView table) {
  const int64_t head_dim = x.cols / heads, pairs = table.cols / 2;
  team_.ForRange(x.rows, kRopeRows, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int h = 0; h < heads; ++h) {
        kernels_->rotate(x.data + t * x.stride + h * head_dim, table.data + t * table.stride, pairs);
      }
    }
  });
}

void CpuBackend::TopK(MatrixView x, int k, std::span<Token> ids) {
  team_.ForRange(x.rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      TopKIds(std::span(x.data + r * x.stride, static_cast<size_t>(x.cols)), ids.subspan(r * k, k));
    }
  });
}

void CpuBackend::AppendKv(KvBuffer& buffer, int layer, int64_t first_slot, MatrixView k, MatrixView v) {
  auto& kv = static_cast<CpuKv&>(buffer);
  const KvGeometry& g = kv.geometry();
  CHECK(first_slot >= 0 && first_slot + k.rows <= g.capacity);
  team_.ForRange(k.rows * g.kv_heads, g.kv_heads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / g.kv_heads, head = i % g.kv_heads;
      kv.WriteKey(layer, static_cast<int>(head), first_slot + row, k.data + row * k.stride + head * g.head_dim);
      kv.WriteValue(layer, static_cast<int>(head), first_slot + row, v.data + row * v.stride + head * g.head_dim);
    }
  });
}

void CpuBackend::CompactKv(KvBuffer& buffer, int64_t first_slot, std::span<const int64_t> from) {
  auto& kv = static_cast<CpuKv&>(buffer);
  const KvGeometry& g = kv.geometry();
  team_.ForRange(int64_t{g.layers} * g.kv_heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int layer = static_cast<int>(i / g.kv_heads), head = static_cast<int>(i % g.kv_heads);
      for (size_t r = 0; r < from.size(); ++r) {
        const int64_t to = first_slot + static_cast<int64_t>(r);
        if (from[r] == to) continue;
        const int place = static_cast<int>(to % kKeyBlock);
        kv.CopyKey(layer, head, from[r], kv.KeyBlock(layer, head, to / kKeyBlock), place);
        kv.CopyValue(layer, head, from[r], kv.ValueBlock(layer, head, to / kKeyBlock), place);
      }
    }
  });
}

void CpuBackend::ExportKv(const KvBuffer& buffer, int layer, int64_t first_slot, MatrixView k, MatrixView v) {
  const auto& kv = static_cast<const CpuKv&>(buffer);
  const KvGeometry& g = kv.geometry();
  for (int64_t row = 0; row < k.rows; ++row) {
    for (int head = 0; head < g.kv_heads; ++head) {
      kv.ReadKey(layer, head, first_slot + row, k.data + row * k.stride + int64_t{head} * g.head_dim);
      kv.ReadValue(layer, head, first_slot + row, v.data + row * v.stride + int64_t{head} * g.head_dim);
    }
  }
}

void CpuBackend::PoisonKv(KvBuffer& buffer, int64_t first_slot, int64_t count) {
  auto& kv = static_cast<CpuKv&>(buffer);
  const KvGeometry& g = kv.geometry();
  const std::vector<float> row(g.head_dim, std::numeric_limits<float>::quiet_NaN());
  const int64_t end = std::min(first_slot + count, g.capacity);
  for (int layer = 0; layer < g.layers; ++layer) {
    for (int head = 0; head < g.kv_heads; ++head) {
      for (int64_t slot = first_slot; slot < end; ++slot) {
        kv.WriteKey(layer, head, slot, row.data());
        kv.WriteValue(layer, head, slot, row.data());
      }
    }
  }
}

void CpuBackend::SaveKv(const KvBuffer& buffer, int layer, int64_t rows, std::span<std::byte> image) {
  const auto& kv = static_cast<const CpuKv&>(buffer);
  const KvGeometry& g = kv.geometry();
  const int64_t head_bytes = CpuKv::ImageBytes(g, rows);
  CHECK(rows >= 0 && rows <= g.capacity && std::ssize(image) == g.kv_heads * head_bytes);
  for (int h = 0; h < g.kv_heads; ++h) kv.SaveHead(layer, h, rows, image.data() + h * head_bytes);
}

void CpuBackend::LoadKv(KvBuffer& buffer, int layer, int64_t rows, std::span<const std::byte> image,
                        int64_t image_rows) {
  auto& kv = static_cast<CpuKv&>(buffer);
  const KvGeometry& g = kv.geometry();
  const int64_t head_bytes = CpuKv::ImageBytes(g, image_rows);
  CHECK(rows >= 0 && rows <= g.capacity && rows <= image_rows && std::ssize(image) == g.kv_heads * head_bytes);
  for (int h = 0; h < g.kv_heads; ++h) kv.LoadHead(layer, h, rows, image.data() + h * head_bytes, image_rows);
}

}  // namespace

std::unique_ptr<Backend> MakeCpuBackend(const CpuOptions& options) {
  const CpuFeatures features = DetectCpu();
  const CpuIsa best = features.BestIsa(), isa = options.isa.value_or(best);
  if (isa > best) {
    Throw(ErrorCode::kUnsupported, "--cpu-isa {}: this processor ({}) goes up to {}", Name(isa), features.model_name,
          Name(best));
  }
  const bool multiplies_bf16 = isa == CpuIsa::kAmx || (isa == CpuIsa::kAvx512 && features.avx512_bf16);
  const WeightType best_floats = multiplies_bf16 ? WeightType::kBF16 : WeightType::kF32;
  const WeightType weights = options.weights.value_or(best_floats);
  if (weights == WeightType::kBF16 && !multiplies_bf16) {
    Throw(ErrorCode::kUnsupported, "bf16 weights need AVX-512 BF16 or AMX; {} computes in f32", Name(isa));
  }
  const bool stored = weights == WeightType::kStored;
  LimitLibrary(isa, features);
  return std::make_unique<CpuBackend>(options, features, isa, stored ? best_floats : weights, stored);
}

}  // namespace longshot
