#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/types.h"
#include "experiments/experiment.h"
#include "runtime/model/model_file.h"
#include "runtime/text/tokenizer.h"

namespace longshot {

/// Settings of one model held in one way: they share a loaded target.
struct PlannedModel {
  RuntimeOptions runtime;
  std::shared_ptr<const ModelFile> file;
  ModelConfig config;
  int64_t context = 0;       ///< the longest prompt and its answer
  int64_t draft_bytes = 0;   ///< what the largest drafter may come to hold
  int64_t draft_tokens = 0;  ///< and the longest sequence of a drafter's own
  bool names_text = false;   ///< some drafter insists on such a sequence; that of `auto` is optional
};

/// One sample in one setting, as tokens.
struct Question {
  size_t setting = 0, task = 0, model = 0;
  size_t number = 0;  ///< among the samples of its task
  TaskSample sample;
  std::vector<Token> prompt;
  std::string prompt_sha256;
  std::string document_sha256;  ///< of the document's text: prompts that share it share the reading
};

/// One answer of one drafter.
struct Cell {
  std::string id;  ///< 16 hex digits of all that decides the answer, the model's content among it: the same on every
                   ///< machine
  size_t question = 0, drafter = 0;
  int64_t repetition = 0;
};

/// An experiment with every prompt made: cells of one question and repetition stand together, plain decoding first.
struct Plan {
  Experiment experiment;
  std::vector<Setting> settings;
  std::vector<PlannedModel> models;
  std::vector<Question> questions;
  std::vector<Cell> cells;
  int64_t total_cells = 0;  ///< of all shards
  /// What measurements of an earlier run left of a drafter's settings, by cell: with them a cell repeats its proposals.
  std::map<std::string, nlohmann::json> resolved;

  const TaskConfig& TaskOf(const Question& question) const;
  uint64_t SeedOf(const Cell& cell) const;
  DrafterConfig DrafterOf(const Cell& cell) const;
};

/// What tasks may use, of a tokenizer that outlives it, and of files.
TaskContext ContextOf(const Tokenizer& tokenizer);

/// Which questions are this run's: every `count`-th, from `index` (from 1) on.
struct Shard {
  int64_t index = 1, count = 1;

  /// "2/4". Errors: kUsage.
  static Shard Parse(const std::string& text);
};

/// Opens the models and makes every sample and prompt. Errors: those of tasks and models, and of settings that
/// contradict each other; kCapacity naming the task
/// whose prompt and answer exceed the model's context, with the cure; kConfig when there are more than `kMostCells`.
Plan MakePlan(Experiment experiment, const Shard& shard);
inline constexpr size_t kMostCells = 100'000;

}  // namespace longshot
