#include "session/draft_model.h"

#include <algorithm>

#include "core/error.h"
#include "core/printable.h"
#include "session/session.h"

namespace longshot {
namespace {

void RequireSameVocabulary(const Vocabulary& target, const Vocabulary& draft, const std::string& path) {
  const size_t common = std::min(target.pieces.size(), draft.pieces.size());
  for (size_t token = 0; token < common; ++token) {
    if (target.pieces[token] == draft.pieces[token]) continue;
    Throw(ErrorCode::kUsage, "-md {}: its vocabulary is another: token {} is '{}' there and '{}' in the target",
          Printable(path), token, Printable(draft.pieces[token]), Printable(target.pieces[token]));
  }
  if (target.pieces.size() != draft.pieces.size()) {
    Throw(ErrorCode::kUsage,
          "-md {}: its vocabulary is another: {} tokens, the target has {}; token {} is in one alone", Printable(path),
          draft.pieces.size(), target.pieces.size(), common);
  }
}

}  // namespace

void RequireDraftModel(const DrafterConfig& config, const Vocabulary& vocabulary) {
  const std::string& path = config.rag.model;
  if (DrafterChoice(config.type).Has("draft-simple") && path.empty()) {
    Throw(ErrorCode::kUsage, "--spec-type draft-simple drafts with another model: name it with -md");
  }
  if (!path.empty()) RequireSameVocabulary(vocabulary, LoadTokenizer(*OpenDecoder(path)).vocabulary(), path);
}

int64_t OpenedDraftModel::Bytes(const Backend& backend) const {
  return file == nullptr ? 0 : PlanMemory(backend, *file, RequestFor(options)).total();
}

OpenedDraftModel OpenDraftModel(const DrafterConfig& config, const RuntimeOptions& runtime,
                                const DraftLengths& lengths) {
  OpenedDraftModel opened;
  const bool reads_prompt = DrafterChoice(config.type).Has("draft-simple");
  const int64_t context = reads_prompt ? std::max(lengths.context, lengths.own_text) : lengths.own_text;
  if (config.rag.model.empty() || context == 0) return opened;
  opened.file = OpenDecoder(config.rag.model);
  const ModelConfig& own = opened.file->config();
  // Its own context where that suffices; else extended as the target's is.
  const bool suffices = UsableContext(own) >= context || runtime.rope_scaling.empty();
  opened.shape = suffices ? own : ExtendContext(own, runtime, context);
  opened.options = TargetOptions(runtime, std::min(context, UsableContext(opened.shape)));
  return opened;
}

DraftModel LoadDraftModel(const OpenedDraftModel& opened, LoadedTarget& target) {
  DraftModel draft;
  if (opened.file == nullptr) return draft;
  draft.model = LoadModel(*target.backend, opened.file, opened.shape);
  draft.target = std::make_unique<ModelTarget>(draft.model.get(), opened.options);
  return draft;
}

}  // namespace longshot
