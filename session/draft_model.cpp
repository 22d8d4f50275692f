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
  const DrafterChoice choice(config.type);
  if (config.type != "auto" && choice.Has("draft-simple") && path.empty()) {
    Throw(ErrorCode::kUsage, "--spec-type draft-simple drafts with another model: name it with -md");
  }
  if (!path.empty()) RequireSameVocabulary(vocabulary, LoadTokenizer(*OpenDecoder(path)).vocabulary(), path);
}

DraftModel LoadDraftModel(const DrafterConfig& config, const RuntimeOptions& runtime, LoadedTarget& target,
                          int64_t context) {
  DraftModel draft;
  if (config.rag.model.empty() || config.type == "none") return draft;
  const auto file = OpenDecoder(config.rag.model);
  // Its own context where that suffices; else extended as the target's is.
  const bool suffices = UsableContext(file->config()) >= context || runtime.rope_scaling.empty();
  const ModelConfig shape = suffices ? file->config() : ExtendContext(file->config(), runtime, context);
  const ModelTargetOptions options = TargetOptions(runtime, std::min(context, UsableContext(shape)));
  RequireMemory(*target.backend, *file, RequestFor(options));
  draft.model = LoadModel(*target.backend, file, shape);
  draft.target = std::make_unique<ModelTarget>(draft.model.get(), options);
  return draft;
}

}  // namespace longshot
