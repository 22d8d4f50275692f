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

int64_t OwnTextTokens(int64_t text, int64_t answer) {
  return text == 0 ? 0 : text + answer + ModelTargetOptions().max_rows;
}

int64_t OpenedDraftModel::Bytes(const Backend& backend) const {
  return file == nullptr ? 0 : PlanMemory(backend, *file, RequestFor(options, 0, second_tokens)).total();
}

OpenedDraftModel OpenDraftModel(const DrafterConfig& config, const RuntimeOptions& runtime,
                                const DraftLengths& lengths) {
  OpenedDraftModel opened;
  const std::string& path = config.rag.model;
  if (path.empty() || config.type == "none") return opened;
  const bool reads_prompt = DrafterChoice(config.type).Has("draft-simple");
  const int64_t prompt = reads_prompt ? lengths.context : 0;
  if (prompt == 0 && lengths.own_text == 0) {
    Throw(
        ErrorCode::kUsage,
        "-md {}: there is nothing that it could draft from: give documents with --doc, or use --spec-type draft-simple",
        Printable(path));
  }
  opened.file = OpenDecoder(path);
  const ModelConfig& own = opened.file->config();
  const int64_t context = std::max(prompt, lengths.own_text);
  // Its own context where that suffices; else extended as the target's is. Where its context ends it stops drafting.
  const bool suffices = UsableContext(own) >= context || runtime.rope_scaling.empty();
  opened.shape = suffices ? own : ExtendContext(own, runtime, context);
  const int64_t usable = UsableContext(opened.shape), read = reads_prompt ? lengths.prompt : lengths.text;
  if (read >= usable) {
    Throw(ErrorCode::kCapacity, "-md {}: its context has {} tokens, and it has {} to read first: {}", Printable(path),
          usable, read, reads_prompt ? "shorten the document, or use --spec-type rag" : "lower --spec-rag-budget");
  }
  opened.second_tokens = std::min({prompt, lengths.own_text, usable});
  opened.options = TargetOptions(runtime, std::min(context, usable));
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
