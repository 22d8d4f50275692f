#pragma once

#include <memory>
#include <string>

#include "session/generate_options.h"
#include "session/loaded_target.h"

namespace longshot {

/// Another model that drafts, with sequences of its own, on the target's backend: one thread team, one memory.
struct DraftModel {
  std::unique_ptr<Model> model;
  std::unique_ptr<ModelTarget> target;  ///< nullptr: the target drafts for itself
};

/// Refuses a model that cannot draft, before weights are packed. Errors: kUsage when `draft-simple` has no model, and
/// naming the first token that two vocabularies spell differently; those of `OpenDecoder`.
void RequireDraftModel(const DrafterConfig& config, const Vocabulary& vocabulary);

/// Loads the model that `config` names, with room for `context` tokens, on `target`'s backend; nothing without a name.
/// Prints its memory table. Errors: kCapacity when memory is short; those of `OpenDecoder`.
DraftModel LoadDraftModel(const DrafterConfig& config, const RuntimeOptions& runtime, LoadedTarget& target,
                          int64_t context);

}  // namespace longshot
