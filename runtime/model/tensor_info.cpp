#include <bit>
#include <cstdint>
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

}  // namespace

int64_t TensorInfo::elements() const {
  int64_t count = 1;
  for (const int64_t dim : shape) count *= dim;
  return count;
}

void DequantizeRow(const TensorInfo& tensor, int64_t row, int head_dim, std::span<float> out) {
  CHECK(!tensor.shape.empty() && static_cast<int64_t>(out.size()) == tensor.shape.back(), "{}: row of {}", tensor.name,
        out.size());
  const int64_t cols = tensor.shape.back(), rows = tensor.elements() / cols;
  if (tensor.interleaved_rope_rows) {
    CHECK(head_dim > 0 && head_dim % 2 == 0 && rows % head_dim == 0, "{}: head_dim {}", tensor.name, head_dim);
    row = InterleavedRow(row, head_dim);
  }
  CHECK(row >= 0 && row < rows, "{}: row {} of {}", tensor.name, row, rows);
  const DTypeInfo info = Info(tensor.type);
  const int64_t row_bytes = cols / info.block_size * info.block_bytes;
  Dequantize(tensor.type, tensor.bytes.data() + row * row_bytes, cols, out.data());
  if (!AllFinite(out)) {
    Throw(ErrorCode::kFormat, "tensor {} holds a value that is not finite in row {}: the file is damaged",
          Printable(tensor.name), row);
  }
}

}  // namespace longshot
