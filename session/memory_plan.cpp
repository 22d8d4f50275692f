#include "session/memory_plan.h"

#include <algorithm>

#include "session/output.h"
#include "runtime/model/model.h"

namespace longshot {
namespace {

/// Keys behind one partial attention result.
constexpr int64_t kKeysPerPartial = 512;

int64_t ScratchBytes(const ModelConfig& config, const MemoryRequest& request) {
  const int64_t widest = std::max({config.embed_dim, config.ffn_dim, config.heads * config.head_dim});
  const int64_t partials = request.logit_rows * config.heads * (request.context / kKeysPerPartial + 1);
  return Scratch::Bytes(config, request.pass_rows, request.logit_rows) +
         4 * (request.pass_rows * widest + partials * (config.head_dim + 2));
}

}  // namespace

MemoryTable PlanMemory(const Backend& backend, const ModelFile& file, const MemoryRequest& request) {
  const ModelConfig& config = file.config();
  KvGeometry geometry{.layers = config.layers,
                      .kv_heads = config.kv_heads,
                      .head_dim = config.head_dim,
                      .k_type = request.k_type,
                      .v_type = request.v_type};
  const auto kv_bytes = [&](int64_t tokens) {
    geometry.capacity = tokens;
    return tokens > 0 ? backend.KvBytes(geometry) : 0;
  };
  return {.weights = Model::WeightBytes(backend, file),
          .target_kv = kv_bytes(request.context) + kv_bytes(request.kept_tokens),
          .draft = request.draft + kv_bytes(request.draft_tokens),
          .scratch = ScratchBytes(config, request)};
}

MemoryTable RequireMemory(const Backend& backend, const ModelFile& file, const MemoryRequest& request) {
  MemoryTable table = PlanMemory(backend, file, request);
  Note(table.Line());
  table.Require(AvailableMemory());
  return table;
}

}  // namespace longshot
