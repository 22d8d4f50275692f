#pragma once

#include "kernels/kernels.h"
#include "runtime/model/model_file.h"

namespace longshot {

/// The matrix whose rows follow one another in `parts`, which have equally many columns: [q; k; v], or one tensor
/// alone. The tensors must outlive it. head_dim: as `DequantizeRow`.
WeightSource StackedRows(std::vector<const TensorInfo*> parts, int head_dim);

/// The matrix whose rows alternate: even ones from `even`, odd ones from `odd`, which have the same shape.
WeightSource AlternatingRows(const TensorInfo& even, const TensorInfo& odd);

/// Whether any matrix of the decoder is of a block type: what `WeightType::kStored` keeps as it is.
bool HoldsBlockTypes(const ModelFile& file);

}  // namespace longshot
