#include "cli/loaded_target.h"

#include <algorithm>
#include <optional>

#include "cli/output.h"
#include "cli/session.h"

namespace longshot {

ModelTargetOptions TargetOptions(const RuntimeOptions& options, int64_t context) {
  return {.max_context = context,
          .k_type = CacheType(options.cache_type_k),
          .v_type = CacheType(options.cache_type_v),
          .prefill_rows = PassRows(options)};
}

MemoryRequest RequestFor(const ModelTargetOptions& target, int64_t draft_bytes) {
  return {.context = target.max_context,
          .k_type = target.k_type,
          .v_type = target.v_type,
          .pass_rows = target.pass_rows(),
          .logit_rows = target.max_rows,
          .draft = draft_bytes};
}

LoadedTarget LoadTarget(RuntimeOptions& options, std::shared_ptr<const ModelFile> file, const ModelConfig& config,
                        int64_t context, int64_t draft_bytes) {
  LoadedTarget loaded;
  loaded.backend = MakeBackend(options, *file);
  const ModelTargetOptions target = TargetOptions(options, context);
  loaded.memory = RequireMemory(*loaded.backend, *file, RequestFor(target, draft_bytes));
  loaded.model = LoadModel(*loaded.backend, std::move(file), config);
  loaded.target = std::make_unique<ModelTarget>(loaded.model.get(), target);
  return loaded;
}

namespace {

/// A tree of `rows` nodes, `width` children to a node: a chain for 1.
TokenTree ProbeTree(int rows, int width) {
  TokenTree tree(0);
  while (tree.size() < rows) {
    const auto at = static_cast<int>(tree.size()) - 1;
    tree.Add(static_cast<NodeId>(at / width), static_cast<Token>(at % width));
  }
  return tree;
}

}  // namespace

DraftPlan MeasureDraft(ModelTarget& target, int64_t committed, DrafterConfig& config) {
  constexpr int kTreeWidth = 4;
  const bool branches = DrafterChoice(config.type).grows_trees() && config.tree.mode != "off";
  std::optional<ModelTarget::CostProbe> probe;
  PassTimer timer;
  timer.max_rows = static_cast<int>(target.max_rows());
  timer.timed_rows = static_cast<int>(std::min({target.max_rows(), target.max_context(), int64_t{kMostTimedRows}}));
  timer.verification_ms = [&](int rows) {
    if (!probe) probe.emplace(target, committed, timer.timed_rows);
    return probe->Milliseconds(ProbeTree(rows, branches ? kTreeWidth : 1));
  };
  timer.draft_ms = [&] {
    probe.reset();
    probe.emplace(target, std::min(committed, config.window.sink + config.window.recent), 1);
    return probe->Milliseconds(ProbeTree(1, 1), 5);
  };
  return ResolveDraft(config, timer);
}

}  // namespace longshot
