#pragma once

#include <memory>
#include <string>

#include "session/generate_options.h"
#include "session/loaded_target.h"

namespace longshot {

/// Another model that drafts, before it is loaded.
struct OpenedDraftModel {
  std::shared_ptr<const ModelFile> file;  ///< nullptr: the target drafts for itself
  ModelConfig shape;
  ModelTargetOptions options;
  int64_t second_tokens = 0;  ///< of a second sequence of it

  /// What it will take, weights and rows.
  int64_t Bytes(const Backend& backend) const;
};

/// Another model that drafts, with sequences of its own, on the target's backend: one thread team, one memory.
struct DraftModel {
  std::unique_ptr<Model> model;
  std::unique_ptr<ModelTarget> target;  ///< nullptr: the target drafts for itself
};

/// Refuses a model that cannot draft, before weights are packed. Errors: kUsage when `draft-simple` has no model, and
/// naming the first token that two vocabularies spell differently; those of `OpenDecoder`.
void RequireDraftModel(const DrafterConfig& config, const Vocabulary& vocabulary);

/// Tokens of a drafter's own sequence for a text of `text` tokens and `answer` of answer, a proposal on top; 0 without
/// a text.
int64_t OwnTextTokens(int64_t text, int64_t answer);

/// Tokens that drafters of an answer read and hold, at most.
struct DraftLengths {
  int64_t prompt = 0, context = 0;  ///< of the target
  int64_t text = 0, own_text = 0;   ///< of a text of their own, without and with the answer; 0: there is none
};

/// Opens the model that `config` names, with room for the sequences of its drafters; nothing without a name. Errors:
/// kUsage when nobody would draft with it; kCapacity when it cannot hold what it has to read; those of `OpenDecoder`.
OpenedDraftModel OpenDraftModel(const DrafterConfig& config, const RuntimeOptions& runtime,
                                const DraftLengths& lengths);

/// Loads it on the target's backend. REQUIRES: the target's memory table counted it.
DraftModel LoadDraftModel(const OpenedDraftModel& opened, LoadedTarget& target);

}  // namespace longshot
