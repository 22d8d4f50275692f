#include "cli/loaded_target.h"

#include <algorithm>
#include <optional>

#include "cli/output.h"
#include "cli/session.h"

namespace longshot {

LoadedTarget LoadTarget(RuntimeOptions& options, std::shared_ptr<const ModelFile> file,
                        const ModelConfig& config, int64_t context) {
  LoadedTarget loaded;
  loaded.backend = MakeBackend(options);
  const ModelTargetOptions target{.max_context = context,
                                  .k_type = CacheType(options.cache_type_k),
                                  .v_type = CacheType(options.cache_type_v),
                                  .prefill_rows = PassRows(options)};
  const KvGeometry geometry{.layers = config.layers,
                            .kv_heads = config.kv_heads,
                            .head_dim = config.head_dim,
                            .capacity = context,
                            .k_type = target.k_type,
                            .v_type = target.v_type};
  loaded.memory = {.weights = Model::WeightBytes(*loaded.backend, config),
                   .target_kv = loaded.backend->KvBytes(geometry),
                   .scratch = ModelTarget::ScratchBytes(config, target)};
  Note(loaded.memory.Line());
  loaded.memory.Require(AvailableMemory());
  loaded.model = LoadModel(*loaded.backend, std::move(file), config);
  loaded.target = std::make_unique<ModelTarget>(loaded.model.get(), target);
  return loaded;
}

DraftPlan MeasureDraft(ModelTarget& target, int64_t committed, DrafterConfig& config) {
  std::optional<ModelTarget::CostProbe> probe;
  PassTimer timer;
  timer.max_rows = static_cast<int>(std::min(target.max_rows(), target.max_context() - committed));
  timer.verification_ms = [&](int rows) {
    if (!probe) probe.emplace(target, committed);
    return probe->Milliseconds(rows);
  };
  timer.draft_ms = [&] {
    probe.reset();
    probe.emplace(target, std::min(committed, config.window.sink + config.window.recent));
    return probe->Milliseconds(1, 5);
  };
  return ResolveDraft(config, timer);
}

}  // namespace longshot
