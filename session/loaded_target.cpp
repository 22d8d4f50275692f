#include "session/loaded_target.h"

#include <algorithm>

#include "session/draft_model.h"
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
  const int64_t other = needs.draft_model != nullptr ? needs.draft_model->Bytes(*loaded.backend) : 0;
  MemoryRequest request = RequestFor(target, needs.draft_bytes + other, needs.draft_tokens);
  request.kept_tokens = needs.kept_tokens;
  if (needs.draft_optional && needs.draft_tokens > 0 &&
      PlanMemory(*loaded.backend, *file, request).total() > AvailableMemory()) {
    request.draft_tokens = 0;
    loaded.has_draft_room = false;
    Note("memory: too little for a drafter's own text, rag is left out");
  }
  loaded.memory = RequireMemory(*loaded.backend, *file, request);
  loaded.model = LoadModel(*loaded.backend, std::move(file), config);
  loaded.target = std::make_unique<ModelTarget>(loaded.model.get(), target);
  return loaded;
}

namespace {

/// Passes that a measurement takes the least of. What a drafter would read is many rows and decides little: once.
constexpr int kRepeats = 2, kReadRepeats = 1;

/// A tree of `rows` nodes, `width` children to a node: a chain for 1.
TokenTree ProbeTree(int rows, int width) {
  TokenTree tree(0);
  while (tree.size() < rows) {
    const auto at = static_cast<int>(tree.size()) - 1;
    tree.Add(static_cast<NodeId>(at / width), static_cast<Token>(at % width));
  }
  return tree;
}

/// A pass of another model over `tree` behind `tokens` rows, whatever they hold: only its time is of interest.
double OwnPassMs(ModelTarget& model, int64_t tokens, const TokenTree& tree, int repeats, bool logits) {
  const int64_t rows = std::min(tokens, model.max_context() - tree.size());
  const SequenceId sequence = model.Open(rows + tree.size());
  // Pages that nobody wrote would all be one.
  model.model().backend().PoisonKv(model.store().buffer(sequence), 0, rows);
  model.store().CommitPrefill(sequence, rows);
  const double ms = model.PassMs(sequence, tree, nullptr, repeats, logits);
  model.Close(sequence);
  return ms;
}

}  // namespace

DraftPlan MeasureDraft(ModelTarget& target, SequenceId sequence, DrafterConfig& config, const OwnSequence& own) {
  constexpr int kTreeWidth = 4, kReadRows = 32;
  const DrafterChoice choice(config.type);
  const bool branches = choice.grows_trees() && config.tree.mode != "off";
  // A sequence of the target's own costs what a window as long as it does.
  const auto own_ms = [&](int64_t tokens, const TokenTree& tree, int repeats, bool logits) {
    if (own.model != nullptr) return OwnPassMs(*own.model, tokens, tree, repeats, logits);
    WindowPolicy window(0, tokens);
    return target.PassMs(sequence, tree, &window.View(target.committed(sequence)), repeats, logits);
  };
  PassTimer timer;
  timer.max_rows = static_cast<int>(target.max_rows());
  timer.timed_rows = static_cast<int>(std::min(target.free_rows(sequence), int64_t{kMostTimedRows}));
  timer.verification_ms = [&](int rows) {
    return target.PassMs(sequence, ProbeTree(rows, branches ? kTreeWidth : 1), nullptr, kRepeats);
  };
  timer.draft_ms = [&] {
    WindowPolicy window(config.window.sink, config.window.recent);
    return target.PassMs(sequence, ProbeTree(1, 1), &window.View(target.committed(sequence)), kRepeats);
  };
  if (own.tokens > 0) {
    timer.own_ms = [&] { return own_ms(own.tokens, ProbeTree(1, 1), kRepeats, true); };
    timer.read_ms = [&] {
      const auto rows = static_cast<int>(std::min<int64_t>(kReadRows, target.free_rows(sequence)));
      return own_ms(own.tokens / 2, ProbeTree(rows, 1), kReadRepeats, false) / rows;
    };
  }
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
  OwnSequence own{.tokens = 0, .model = draft_model};
  if (request.draft_source != nullptr) own.tokens = request.draft_source->most_tokens;
  if (DrafterChoice(config.type).Has("draft-simple")) own.tokens = std::ssize(request.prompt);
  request.measure = [&target, &config, own](SequenceId sequence) {
    return MeasureDraft(target, sequence, config, own);
  };
}

}  // namespace longshot
