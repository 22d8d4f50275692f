#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kernels/kernels.h"

namespace longshot {

/// Instruction sets with a kernel of their own, lowest first.
enum class CpuIsa : uint8_t { kAvx2, kAvx512, kAmx };

struct CpuFeatures {
  std::string model_name;
  bool avx2 = false, fma = false, f16c = false, avx512 = false, avx512_bf16 = false, avx512_vnni = false,
       avx_vnni = false, amx_bf16 = false, amx_int8 = false;
  /// The best `CpuIsa` this machine runs. Errors: kUnsupported without AVX2, FMA and F16C.
  CpuIsa BestIsa() const;
};

CpuFeatures DetectCpu();

struct CpuOptions {
  int threads = 1;
  std::optional<CpuIsa> isa = {};          ///< force a lower one; default: the best
  std::optional<WeightType> weights = {};  ///< default: bf16 where the CPU multiplies it, else f32
};

/// Kernels for this machine's processor. One per process and instruction set: oneDNN fixes its own at first use.
/// Errors: kUnsupported when `isa` is not available here.
std::unique_ptr<Backend> MakeCpuBackend(const CpuOptions& options);

/// Naive loops with double accumulation: the definition of every operation, for tests. Of weights as stored the
/// definition is exact: see `Int8Product`.
/// REQUIRES: f32 or stored weights.
std::unique_ptr<Backend> MakeReferenceBackend(WeightType weights = WeightType::kF32);

}  // namespace longshot
