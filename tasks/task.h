#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/field.h"

namespace longshot {

/// How an answer is scored; scores of answers are from 0 to 1, higher is better.
enum class TaskMetric : uint8_t {
  kNone,        ///< "none": only speed is of interest
  kExactMatch,  ///< "exact_match": a reference stands in the answer, or the share of those that are all wanted
  kF1,          ///< "f1": of words, against the best reference
  kRougeL,      ///< "rouge_l": F measure of the longest common subsequence of words, against the best reference
  kPerplexity,  ///< "perplexity": nothing is answered, the document itself is scored: its second half, given the first
};
std::string_view Name(TaskMetric metric);

/// One question, its document, and what a right answer holds.
struct TaskSample {
  std::string id;        ///< within the task: the same for the same seed
  std::string document;  ///< stands before the question; samples that share it stand next to each other
  std::string question;
  std::string given;                    ///< how the answer begins: part of the prompt
  std::vector<std::string> references;  ///< any of them is right; empty: nothing to score by
  bool all_references = false;          ///< all of them are wanted
};

/// Settings of one task: an entry of `tasks` in an experiment.
struct TaskConfig {
  std::string kind = "prompts";
  std::string name;
  std::vector<std::string> paths;
  std::vector<std::string> questions;
  int64_t count = 4;
  int64_t length = 0;
  int64_t seed = 1;
  int64_t keys = 4;
  std::vector<std::string> categories;
  std::string metric;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit);
};

/// What a task may use to make its samples.
struct TaskContext {
  std::function<int64_t(std::string_view)> count_tokens;
  /// The text of files or folders, one after the other.
  std::function<std::string(const std::vector<std::string>& paths)> read_documents;
};

/// Makes samples; the same config gives the same samples.
class Task {
 public:
  virtual ~Task() = default;
  /// Errors: kConfig when the config lacks what the task needs or asks for what it does not take; kIo and kFormat for
  /// files.
  virtual std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const = 0;
  virtual TaskMetric metric() const = 0;
};

/// One kind of task that can be chosen by name.
struct TaskEntry {
  std::string_view name;
  std::string_view help;  ///< one line
  std::unique_ptr<Task> (*make)();
};

/// Every kind of task.
const std::vector<TaskEntry>& Tasks();
/// Their names, for fields and errors.
const std::vector<std::string_view>& TaskKinds();

/// The metric of a configured task: its own, or the one that the config names.
TaskMetric MetricOf(const TaskConfig& config);

/// The samples of a configured task. Errors: those of `Task::Samples`.
std::vector<TaskSample> MakeSamples(const TaskConfig& config, const TaskContext& context);

template <class Self, class Visitor>
void TaskConfig::VisitFields(Self& self, Visitor&& visit) {
  visit(Field{.name = "kind", .flags = "", .choices = TaskKinds(), .help = "which task"}, self.kind);
  visit(Field{.name = "name", .flags = "", .help = "in tables; empty: its kind"}, self.name);
  visit(Field{.name = "paths", .flags = "", .unit = "PATH", .help = "files or folders that the task reads"},
        self.paths);
  visit(Field{.name = "questions", .flags = "", .help = "of task documents: asked of every document"}, self.questions);
  visit(Field{.name = "count",
              .flags = "",
              .minimum = 1,
              .maximum = 100000,
              .help = "samples; of task documents every question is asked of every document"},
        self.count);
  visit(
      Field{.name = "length",
            .flags = "",
            .minimum = 0,
            .maximum = 1 << 24,
            .unit = "tokens",
            .help = "of the document: made ones have it, read ones are cut to it; 0: as they are, 2000 for made ones"},
      self.length);
  visit(Field{.name = "seed", .flags = "", .minimum = 0, .maximum = 9007199254740992.0, .help = "of made samples"},
        self.seed);
  visit(Field{.name = "keys", .flags = "", .minimum = 1, .maximum = 64, .help = "needles, or links of a chain"},
        self.keys);
  visit(Field{.name = "categories",
              .flags = "",
              .help = "of task prompts: only questions whose `category` is one of these; empty: all"},
        self.categories);
  visit(Field{.name = "metric",
              .flags = "",
              .choices = {"", "none", "exact_match", "f1", "rouge_l"},
              .help = "auto: the task's own"},
        self.metric);
}

}  // namespace longshot
