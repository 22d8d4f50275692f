#include "session/loaded_target.h"

#include <algorithm>

#include "session/output.h"
#include "session/session.h"

namespace longshot {

ModelTargetOptions TargetOptions(const RuntimeOptions& options, int64_t context) {
  return {.max_context = context,
          .k_type = CacheType(options.cache_type_k),
          .v_type = CacheType(options.cache_type_v),
          .prefill_rows = PassRows(options)};
}

MemoryRequest RequestFor(const ModelTargetOptions& target, int64_t draft_bytes, int64_t draft_tokens) {
  return {.context = target.max_context,
          .k_type = target.k_type,
          .v_type = target.v_type,
          .pass_rows = target.pass_rows(),
          .logit_rows = target.max_rows,
          .draft = draft_bytes,
          .draft_tokens = draft_tokens};
}

LoadedTarget LoadTarget(RuntimeOptions& options, std::shared_ptr<const ModelFile> file, const ModelConfig& config,
                        const TargetNeeds& needs) {
  LoadedTarget loaded;
  loaded.backend = MakeBackend(options, *file);
  if (needs.timed) {
    auto timed = std::make_unique<TimedBackend>(std::move(loaded.backend));
    loaded.timed = timed.get();
    loaded.backend = std::move(timed);
  }
  const ModelTargetOptions target = TargetOptions(options, needs.context);
  loaded.memory = RequireMemory(*loaded.backend, *file, RequestFor(target, needs.draft_bytes, needs.draft_tokens));
  loaded.model = LoadModel(*loaded.backend, std::move(file), config);
  loaded.target = std::make_unique<ModelTarget>(loaded.model.get(), target);
  return loaded;
}

namespace {

/// Passes that a measurement takes the least of.
constexpr int kRepeats = 2;

/// A tree of `rows` nodes, `width` children to a node: a chain for 1.
TokenTree ProbeTree(int rows, int width) {
  TokenTree tree(0);
  while (tree.size() < rows) {
    const auto at = static_cast<int>(tree.size()) - 1;
    tree.Add(static_cast<NodeId>(at / width), static_cast<Token>(at % width));
  }
  return tree;
}

/// One draft pass of another model behind `tokens` rows, whatever they hold: only its time is of interest.
double OwnPassMs(ModelTarget& model, int64_t tokens) {
  const int64_t rows = std::min(tokens, model.max_context() - 1);
  const SequenceId sequence = model.Open(rows + 1);
  model.store().CommitPrefill(sequence, rows);
  const double ms = model.PassMs(sequence, ProbeTree(1, 1), nullptr, kRepeats);
  model.Close(sequence);
  return ms;
}

}  // namespace

DraftPlan MeasureDraft(ModelTarget& target, SequenceId sequence, DrafterConfig& config, const OwnSequence& own) {
  constexpr int kTreeWidth = 4;
  const bool branches = DrafterChoice(config.type).grows_trees() && config.tree.mode != "off";
  PassTimer timer;
  timer.max_rows = static_cast<int>(target.max_rows());
  timer.timed_rows = static_cast<int>(std::min(target.free_rows(sequence), int64_t{kMostTimedRows}));
  timer.verification_ms = [&](int rows) {
    return target.PassMs(sequence, ProbeTree(rows, branches ? kTreeWidth : 1), nullptr, kRepeats);
  };
  timer.draft_ms = [&] {
    if (own.model != nullptr && !DrafterChoice(config.type).Has("window")) return OwnPassMs(*own.model, own.tokens);
    // A sequence of the target's costs what a window as long as it does.
    const bool has_window = DrafterChoice(config.type).Has("window");
    WindowPolicy window(has_window ? config.window.sink : 0, has_window ? config.window.recent : own.tokens);
    return target.PassMs(sequence, ProbeTree(1, 1), &window.View(target.committed(sequence)), kRepeats);
  };
  return ResolveDraft(config, timer);
}

void SizeDrafts(ModelTarget& target, DrafterConfig& config, AnswerRequest& request, ModelTarget* draft_model) {
  request.draft_target = draft_model;
  if (!NeedsTiming(config)) {
    PassTimer untimed;
    untimed.max_rows = static_cast<int>(target.max_rows());
    request.draft = ResolveDraft(config, untimed);
    return;
  }
  request.draft.limits = RoomForDrafts(config);
  const auto read = request.draft_prompt.empty() ? request.prompt.size() : request.draft_prompt.size();
  const OwnSequence own{static_cast<int64_t>(read), draft_model};
  request.measure = [&target, &config, own](SequenceId sequence) {
    return MeasureDraft(target, sequence, config, own);
  };
}

}  // namespace longshot
