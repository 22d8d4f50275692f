#include "runtime/model/weight_source.h"

#include "core/error.h"
#include "kernels/stored_group.h"

namespace longshot {
namespace {

/// A row of a stacked matrix: row `row` of `tensor`.
struct PartRow {
  const TensorInfo* tensor;
  int64_t row;
};

PartRow FindRow(const std::vector<const TensorInfo*>& parts, int64_t row) {
  for (const TensorInfo* part : parts) {
    if (row < part->shape[0]) return {part, row};
    row -= part->shape[0];
  }
  CHECK(false, "row {} beyond the matrix", row);
  return {};
}

}  // namespace

WeightSource StackedRows(std::vector<const TensorInfo*> parts, int head_dim) {
  int64_t outputs = 0;
  for (const TensorInfo* part : parts) outputs += part->shape[0];
  const int64_t inputs = parts[0]->shape[1];
  return {.outputs = outputs,
          .inputs = inputs,
          .read =
              [parts, head_dim](int64_t row, std::span<float> out) {
                const PartRow at = FindRow(parts, row);
                DequantizeRow(*at.tensor, at.row, head_dim, out);
              },
          .type = [parts](int64_t row) { return FindRow(parts, row).tensor->type; },
          .stored =
              [parts, head_dim](int64_t row) {
                const PartRow at = FindRow(parts, row);
                return StoredRow(*at.tensor, at.row, head_dim);
              }};
}

WeightSource AlternatingRows(const TensorInfo& even, const TensorInfo& odd) {
  const auto part = [a = &even, b = &odd](int64_t row) -> const TensorInfo& { return row % 2 == 0 ? *a : *b; };
  return {.outputs = 2 * even.shape[0],
          .inputs = even.shape[1],
          .read = [part](int64_t row, std::span<float> out) { DequantizeRow(part(row), row / 2, 0, out); },
          .type = [part](int64_t row) { return part(row).type; },
          .stored = [part](int64_t row) { return StoredRow(part(row), row / 2, 0); }};
}

bool HoldsBlockTypes(const ModelFile& file) {
  for (const TensorInfo& tensor : file.tensors()) {
    if (tensor.shape.size() == 2 && IsBlockType(tensor.type)) return true;
  }
  return false;
}

}  // namespace longshot
