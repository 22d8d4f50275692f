#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/printable.h"
#include "tasks/documents.h"
#include "tasks/kinds.h"

namespace longshot {
namespace {

using nlohmann::json;

std::string TextOf(const json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> TextsOf(const json& line, const char* key) {
  std::vector<std::string> texts;
  const auto found = line.find(key);
  if (found == line.end() || !found->is_array()) return texts;
  for (const json& text : *found) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

/// Spec-Bench: turns. A later turn is asked with those before it in one message: what a model answered in between is
/// not known when prompts are made.
std::vector<TaskSample> SamplesOfTurns(const json& line, const std::string& id) {
  std::vector<TaskSample> samples;
  const std::vector<std::string> references = TextsOf(line, "reference");
  std::string asked;
  for (const std::string& turn : TextsOf(line, "turns")) {
    asked += (asked.empty() ? "" : "\n\n") + turn;
    std::vector<std::string> answers;
    if (samples.size() < references.size()) answers.push_back(references[samples.size()]);
    samples.push_back({.id = fmt::format("{}.{}", id, samples.size() + 1),
                       .document = {},
                       .question = asked,
                       .given = {},
                       .references = std::move(answers)});
  }
  return samples;
}

/// Samples of one line. LongBench: context, input, answers. L-Eval: input, and instructions with outputs.
std::vector<TaskSample> SamplesOf(const json& line, const std::string& id) {
  std::vector<TaskSample> samples;
  if (line.contains("context")) {
    const std::string question = TextOf(line, "input");
    samples.push_back({.id = id,
                       .document = TextOf(line, "context"),
                       .question = question.empty() ? "Write a summary of this text." : question,
                       .given = {},
                       .references = TextsOf(line, "answers")});
  } else if (line.contains("instructions")) {
    const std::vector<std::string> questions = TextsOf(line, "instructions"), outputs = TextsOf(line, "outputs");
    for (size_t i = 0; i < questions.size(); ++i) {
      std::vector<std::string> references;
      if (i < outputs.size()) references.push_back(outputs[i]);
      samples.push_back({.id = fmt::format("{}.{}", id, i + 1),
                         .document = TextOf(line, "input"),
                         .question = questions[i],
                         .given = {},
                         .references = std::move(references)});
    }
  } else if (line.contains("turns")) {
    samples = SamplesOfTurns(line, id);
  }
  return samples;
}

/// The first `count` questions of JSONL files, one after the other.
class PromptFile final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kRougeL; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    if (config.paths.empty()) Throw(ErrorCode::kConfig, "task prompts: expected `paths`: JSONL files");
    std::vector<TaskSample> samples;
    for (const std::string& path : config.paths) {
      const std::string content = ReadFile(path);
      size_t number = 0;
      for (size_t at = 0; at < content.size() && std::ssize(samples) < config.count;) {
        const size_t end = std::min(content.find('\n', at), content.size());
        const std::string_view line = std::string_view(content).substr(at, end - at);
        at = end + 1, ++number;
        if (line.find_first_not_of(" \t\r") == line.npos) continue;
        for (TaskSample& sample : Read(line, path, number, config.categories)) {
          if (config.length > 0) sample.document = CutToTokens(std::move(sample.document), config.length, context);
          if (std::ssize(samples) < config.count) samples.push_back(std::move(sample));
        }
      }
    }
    return samples;
  }

 private:
  /// None where its category is not among those asked for.
  static std::vector<TaskSample> Read(std::string_view text, const std::string& path, size_t number,
                                      const std::vector<std::string>& categories) {
    const json line = json::parse(text, nullptr, false);
    if (!line.is_object()) {
      Throw(ErrorCode::kFormat, "{}:{}: expected a JSON object on one line, got '{}'", path, number, Printable(text));
    }
    const std::string category = TextOf(line, "category");
    if (!categories.empty() && std::find(categories.begin(), categories.end(), category) == categories.end()) return {};
    std::vector<TaskSample> samples = SamplesOf(line, fmt::format("line{}", number));
    if (samples.empty()) {
      Throw(ErrorCode::kFormat,
            "{}:{}: expected LongBench's keys (context, input, answers), L-Eval's (input, instructions, outputs) or "
            "Spec-Bench's (turns)",
            path, number);
    }
    return samples;
  }
};

}  // namespace

std::unique_ptr<Task> MakePromptFile() { return std::make_unique<PromptFile>(); }

}  // namespace longshot
