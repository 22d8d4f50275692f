#include "tasks/task.h"

#include <algorithm>

#include "core/error.h"
#include "tasks/kinds.h"

namespace longshot {
namespace {

constexpr TaskMetric kMetrics[] = {TaskMetric::kNone, TaskMetric::kExactMatch, TaskMetric::kF1, TaskMetric::kRougeL,
                                   TaskMetric::kPerplexity};

const TaskEntry& EntryOf(const TaskConfig& config) {
  const auto& tasks = Tasks();
  const auto found =
      std::find_if(tasks.begin(), tasks.end(), [&](const TaskEntry& t) { return t.name == config.kind; });
  CHECK(found != tasks.end(), "task {}", config.kind);
  return *found;
}

}  // namespace

std::string_view Name(TaskMetric metric) {
  constexpr std::string_view kNames[] = {"none", "exact_match", "f1", "rouge_l", "perplexity"};
  return kNames[static_cast<size_t>(metric)];
}

const std::vector<TaskEntry>& Tasks() {
  static const std::vector<TaskEntry> tasks = {
      {"prompts", "questions of JSONL files in the layout of LongBench, L-Eval or Spec-Bench", MakePromptFile},
      {"documents", "questions of the config about documents of one's own", MakeQuestions},
      {"passkey", "one number hidden in a made document", MakePasskey},
      {"needles", "many numbers hidden in a made document, one asked for", MakeNeedlesTask},
      {"turns", "several questions about one made document", MakeTurns},
      {"variables", "which variables have a value that was handed on", MakeVariables},
      {"copying", "a passage repeated word for word", MakeCopying},
      {"editing", "a passage repeated with one word replaced", MakeEditing},
      {"code", "the lines that follow in a repository", MakeCode},
      {"perplexity", "how well the model predicts windows of a text", MakePerplexity}};
  return tasks;
}

const std::vector<std::string_view>& TaskKinds() {
  static const std::vector<std::string_view> kinds = [] {
    std::vector<std::string_view> names;
    for (const TaskEntry& task : Tasks()) names.push_back(task.name);
    return names;
  }();
  return kinds;
}

TaskMetric MetricOf(const TaskConfig& config) {
  const TaskMetric own = EntryOf(config).make()->metric();
  if (config.metric.empty()) return own;
  if (own == TaskMetric::kPerplexity) {
    Throw(ErrorCode::kConfig, "task {}: its metric is perplexity, got `metric: {}`", config.kind, config.metric);
  }
  return *std::find_if(std::begin(kMetrics), std::end(kMetrics),
                       [&](TaskMetric metric) { return Name(metric) == config.metric; });
}

std::vector<TaskSample> MakeSamples(const TaskConfig& config, const TaskContext& context) {
  std::vector<TaskSample> samples = EntryOf(config).make()->Samples(config, context);
  if (samples.empty()) Throw(ErrorCode::kFormat, "task {}: its files hold no question", config.kind);
  return samples;
}

}  // namespace longshot
