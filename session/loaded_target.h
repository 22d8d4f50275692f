#pragma once

#include <memory>

#include "session/answer.h"
#include "session/draft_plan.h"
#include "session/memory_plan.h"
#include "session/runtime_options.h"
#include "kernels/kernels.h"
#include "kernels/timed/timed_backend.h"
#include "runtime/engine/model_target.h"
#include "runtime/model/model.h"

namespace longshot {

/// A model with its cache, ready to answer. Members are destroyed in the right order.
struct LoadedTarget {
  std::unique_ptr<Backend> backend;
  TimedBackend* timed = nullptr;  ///< the backend, if its operations are timed
  std::unique_ptr<Model> model;
  std::unique_ptr<ModelTarget> target;
  MemoryTable memory;
  bool has_draft_room = true;  ///< false: memory was too short for an optional sequence of a drafter's own
};

/// The target of a run with a context of `context` tokens.
ModelTargetOptions TargetOptions(const RuntimeOptions& options, int64_t context);
/// The memory that such a target takes, beside `draft_bytes` of a drafter.
MemoryRequest RequestFor(const ModelTargetOptions& target, int64_t draft_bytes = 0, int64_t draft_tokens = 0);

struct OpenedDraftModel;

/// What a run asks of its target.
struct TargetNeeds {
  int64_t context = 0;                            ///< tokens
  int64_t kept_tokens = 0;                        ///< of a sequence whose rows answers share (`DocumentRows`)
  int64_t draft_bytes = 0;                        ///< what the drafter may come to hold (`DrafterEntry::most_bytes`)
  int64_t draft_tokens = 0;                       ///< of a sequence of its own, of the target's rows
  bool draft_optional = false;                    ///< that sequence is left out where memory is short
  const OpenedDraftModel* draft_model = nullptr;  ///< another model that will be loaded beside it
  bool timed = false;                             ///< time every operation
};

/// Prints the memory table on standard error, then allocates and packs. Sets `options.threads` as `MakeBackend` does.
/// Errors: kCapacity when memory is short; those of `MakeBackend` and `Model`.
LoadedTarget LoadTarget(RuntimeOptions& options, std::shared_ptr<const ModelFile> file, const ModelConfig& config,
                        const TargetNeeds& needs);

/// The sequence of a drafter's own.
struct OwnSequence {
  int64_t tokens = 0;            ///< of what it reads first; 0: there is none
  ModelTarget* model = nullptr;  ///< nullptr: the target drafts
};

/// Resolves the drafter's open limits from passes timed on a sequence as it stands: chains, or trees of four children a
/// node for a drafter that branches; a draft pass through the window drafter's view or over the rows of `own`.
/// Errors: those of `ResolveDraft`.
DraftPlan MeasureDraft(ModelTarget& target, SequenceId sequence, DrafterConfig& config, const OwnSequence& own);

/// Has an answer's proposals sized as `config` says or, where it leaves that open, by `MeasureDraft` on the answer's
/// own sequence behind its first token: nobody waits for measurements. Target and config must outlive the request.
/// `draft_model`: another model that drafts, or nullptr; it becomes the request's. The request's draft source is set.
void SizeDrafts(ModelTarget& target, DrafterConfig& config, AnswerRequest& request, ModelTarget* draft_model = nullptr);

}  // namespace longshot
