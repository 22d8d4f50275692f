#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernels/kernels.h"

namespace longshot {

/// Kinds of operations that are told apart: products by what they are for, the rest by what they do.
enum class Operation : uint8_t {
  kQkvProduct,
  kAttentionOutputProduct,
  kGateUpProduct,
  kDownProduct,
  kHeadProduct,
  kOtherProduct,
  kAttention,
  kAppendKv,
  kCompactKv,
  kNorm,
  kRopeTable,
  kRope,
  kTopK,
  kTransfer,
};
inline constexpr int kOperations = 14;

/// For tables and reports: "gate/up product".
std::string_view Name(Operation operation);
Operation OperationOf(ProductRole role);

/// The least work of one operation: what it has to move and to compute however it is done.
struct Work {
  double bytes = 0;  ///< products: the weights as held; attention: KV rows as held; all others: rows in and out
  double flops = 0;  ///< of products and attention, 2 for a multiplication with its sum; others have none counted
};

Work WorkOf(const MatmulArgs& args);

/// Each K and V row that some row of the pass sees is read once per KV head, each pair of a query head and a key that
/// it sees is 4 D flops. Rows of the round count as read up to the last row of the pass.
Work WorkOf(const AttentionArgs& args);

/// Bytes of one slot, its key and its value, of one layer and KV head.
int64_t KvRowBytes(const KvGeometry& geometry);

/// What operations of one kind took.
struct OperationCost {
  int64_t calls = 0;
  double ms = 0;
  Work work = {};
};

/// By `Operation`.
using OperationCosts = std::array<OperationCost, kOperations>;

}  // namespace longshot
