#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/error.h"
#include "core/printable.h"
#include "runtime/model/model_file.h"

namespace longshot {
namespace {

/// Stored row of q or k whose rotary pairs are interleaved, for row `row` of the order by halves.
int64_t InterleavedRow(int64_t row, int head_dim) {
  const int64_t within = row % head_dim, half = head_dim / 2;
  return row - within + within % half * 2 + within / half;
}

/// No early exit: this runs over every weight and is to be vectorised.
bool AllFinite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t bad = 0;
  for (const float value : values) {
    bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(value) & kExponent) == kExponent);
  }
  return bad == 0;
}

[[noreturn]] void ThrowNotFinite(const TensorInfo& tensor, int64_t row) {
  Throw(ErrorCode::kFormat, "tensor {} holds a value that is not finite in row {}: the file is damaged",
        Printable(tensor.name), row);
}

struct FoundRow {
  int64_t row;  ///< as stored
  const std::byte* bytes;
};

FoundRow FindRow(const TensorInfo& tensor, int64_t row, int head_dim) {
  const int64_t cols = tensor.shape.back(), rows = tensor.elements() / cols;
  if (tensor.interleaved_rope_rows) {
    CHECK(head_dim > 0 && head_dim % 2 == 0 && rows % head_dim == 0, "{}: head_dim {}", tensor.name, head_dim);
    row = InterleavedRow(row, head_dim);
  }
  CHECK(row >= 0 && row < rows, "{}: row {} of {}", tensor.name, row, rows);
  const DTypeInfo info = Info(tensor.type);
  return {row, tensor.bytes.data() + row * (cols / info.block_size * info.block_bytes)};
}

/// Where a block type keeps its f16 numbers, the scale and perhaps a minimum; -1: none.
std::array<int, 2> HalvesOf(DType type) {
  switch (type) {
    case DType::kQ4_0:
    case DType::kQ5_0:
    case DType::kQ8_0:
      return {0, -1};
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return {0, 2};
    case DType::kQ2_K:
      return {80, 82};
    case DType::kQ3_K:
      return {108, -1};
    case DType::kQ6_K:
      return {208, -1};
    default:
      CHECK(false, "{} is not a block type", Info(type).name);
  }
  return {-1, -1};
}

bool IsFiniteHalf(const std::byte* p) {
  constexpr uint16_t kExponent = 0x7c00;
  uint16_t half;
  std::memcpy(&half, p, sizeof half);
  return (half & kExponent) != kExponent;
}

}  // namespace

int64_t TensorInfo::elements() const {
  int64_t count = 1;
  for (const int64_t dim : shape) count *= dim;
  return count;
}

void DequantizeRow(const TensorInfo& tensor, int64_t row, int head_dim, std::span<float> out) {
  CHECK(!tensor.shape.empty() && static_cast<int64_t>(out.size()) == tensor.shape.back(), "{}: row of {}", tensor.name,
        out.size());
  const FoundRow found = FindRow(tensor, row, head_dim);
  Dequantize(tensor.type, found.bytes, tensor.shape.back(), out.data());
  if (!AllFinite(out)) ThrowNotFinite(tensor, found.row);
}

const std::byte* StoredRow(const TensorInfo& tensor, int64_t row, int head_dim) {
  const FoundRow found = FindRow(tensor, row, head_dim);
  const DTypeInfo info = Info(tensor.type);
  const std::byte* end = found.bytes + tensor.shape.back() / info.block_size * info.block_bytes;
  for (const std::byte* block = found.bytes; block < end; block += info.block_bytes) {
    for (const int place : HalvesOf(tensor.type)) {
      if (place >= 0 && !IsFiniteHalf(block + place)) ThrowNotFinite(tensor, found.row);
    }
  }
  return found.bytes;
}

}  // namespace longshot
