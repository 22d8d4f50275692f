#include "kernels/timed/operation_cost.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {
namespace {

constexpr std::array<std::string_view, kOperations> kNames = {"q/k/v product",   "attention output product",
                                                              "gate/up product", "down product",
                                                              "head product",    "other product",
                                                              "attention",       "KV append",
                                                              "KV compaction",   "norm",
                                                              "RoPE table",      "RoPE",
                                                              "top-k",           "transfer"};

/// Committed rows that a view shows.
int64_t RowsSeen(const HeadView& view, int64_t base) {
  int64_t rows = std::max<int64_t>(base - view.tail_begin, 0);
  for (const KeyRange& range : view.ranges) rows += range.end - range.begin;
  return rows;
}

}  // namespace

std::string_view Name(Operation operation) { return kNames[static_cast<size_t>(operation)]; }

Operation OperationOf(ProductRole role) {
  switch (role) {
    case ProductRole::kQkv:
      return Operation::kQkvProduct;
    case ProductRole::kAttentionOutput:
      return Operation::kAttentionOutputProduct;
    case ProductRole::kGateUp:
      return Operation::kGateUpProduct;
    case ProductRole::kDown:
      return Operation::kDownProduct;
    case ProductRole::kHead:
      return Operation::kHeadProduct;
    case ProductRole::kOther:
      break;
  }
  return Operation::kOtherProduct;
}

Work WorkOf(const MatmulArgs& args) {
  const PackedWeights& weights = *args.weights;
  return {.bytes = static_cast<double>(weights.bytes()),
          .flops = 2.0 * static_cast<double>(args.x.rows) * static_cast<double>(weights.outputs()) *
                   static_cast<double>(weights.inputs())};
}

Work WorkOf(const AttentionArgs& args) {
  const KvGeometry& g = args.kv->geometry();
  CHECK(args.views.size() == 1 || std::ssize(args.views) == g.kv_heads, "{} views", args.views.size());
  int64_t own_keys = 0;  // ancestors and itself, over the rows of the pass
  for (int64_t t = 0; t < args.q.rows; ++t) own_keys += args.topology.depth[args.first_row + t] + 1;
  double rows_read = 0, keys_seen = 0;  // over the KV heads
  for (int head = 0; head < g.kv_heads; ++head) {
    const int64_t committed = RowsSeen(args.views[args.views.size() == 1 ? 0 : head], args.topology.base);
    rows_read += static_cast<double>(committed + args.first_row + args.q.rows);
    keys_seen += static_cast<double>(committed) * static_cast<double>(args.q.rows) + static_cast<double>(own_keys);
  }
  const int group = args.heads / g.kv_heads;
  return {.bytes = rows_read * static_cast<double>(KvRowBytes(g)), .flops = keys_seen * group * 4.0 * g.head_dim};
}

int64_t KvRowBytes(const KvGeometry& geometry) {
  const auto bytes = [&](DType type) {
    return int64_t{geometry.head_dim} / Info(type).block_size * Info(type).block_bytes;
  };
  return bytes(geometry.k_type) + bytes(geometry.v_type);
}

}  // namespace longshot
