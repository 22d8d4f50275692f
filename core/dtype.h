#pragma once

#include <cstdint>
#include <string_view>

namespace longshot {

/// Element types of stored tensors and of KV rows. Block types hold `BlockSize` elements in `BlockBytes`.
enum class DType : uint8_t { kF32, kF16, kBF16, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kQ2_K, kQ3_K, kQ4_K, kQ5_K, kQ6_K };

struct DTypeInfo {
  std::string_view name;  ///< as llama.cpp writes it: "f16", "q4_1", "q6_K"
  int block_size;         ///< elements per block, 1 for plain types
  int block_bytes;
};

constexpr DTypeInfo Info(DType type) {
  switch (type) {
    case DType::kF32:
      return {"f32", 1, 4};
    case DType::kF16:
      return {"f16", 1, 2};
    case DType::kBF16:
      return {"bf16", 1, 2};
    case DType::kQ4_0:
      return {"q4_0", 32, 18};
    case DType::kQ4_1:
      return {"q4_1", 32, 20};
    case DType::kQ5_0:
      return {"q5_0", 32, 22};
    case DType::kQ5_1:
      return {"q5_1", 32, 24};
    case DType::kQ8_0:
      return {"q8_0", 32, 34};
    case DType::kQ2_K:
      return {"q2_K", 256, 84};
    case DType::kQ3_K:
      return {"q3_K", 256, 110};
    case DType::kQ4_K:
      return {"q4_K", 256, 144};
    case DType::kQ5_K:
      return {"q5_K", 256, 176};
    case DType::kQ6_K:
      return {"q6_K", 256, 210};
  }
  return {"?", 1, 1};
}

}  // namespace longshot
