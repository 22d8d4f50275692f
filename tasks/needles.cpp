#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "tasks/documents.h"
#include "tasks/kinds.h"
#include "tasks/made_text.h"

namespace longshot {
namespace {

/// Sentences with others put between them, in order, at drawn places.
std::string Hide(TaskDraws& draws, std::vector<std::string> sentences, const std::vector<std::string>& hidden) {
  std::vector<int64_t> places(hidden.size());
  for (int64_t& place : places) place = draws.Below(std::ssize(sentences) + 1);
  std::sort(places.begin(), places.end());
  for (size_t i = hidden.size(); i-- > 0;) sentences.insert(sentences.begin() + places[i], hidden[i]);
  return Paragraphs(sentences);
}

std::vector<std::string> Haystack(TaskDraws& draws, const TaskConfig& config, const TaskContext& context) {
  return MadeSentences(draws, MadeLength(config), context.count_tokens);
}

void RefusePaths(const TaskConfig& config) {
  if (config.paths.empty()) return;
  Throw(ErrorCode::kConfig, "task {}: takes no `paths`; its documents are made from `seed` and `length`", config.kind);
}

/// `config.count` samples, each from draws of its own.
template <class Make>
std::vector<TaskSample> EachFromDraws(const TaskConfig& config, Make&& make) {
  RefusePaths(config);
  std::vector<TaskSample> samples;
  for (int64_t i = 0; i < config.count; ++i) {
    TaskDraws draws(static_cast<uint64_t>(config.seed), i);
    samples.push_back(make(draws, SampleId(config, i)));
  }
  return samples;
}

/// One number hidden in a document. Source: Mohtashami and Jaggi 2023, arXiv 2305.16300.
class Passkey final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kExactMatch; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    return EachFromDraws(config, [&](TaskDraws& draws, std::string id) {
      const std::string key = MadeNumber(draws, 6);
      const std::string needle = fmt::format("The passkey is {}. Remember it: {} is the passkey.", key, key);
      return TaskSample{.id = std::move(id),
                        .document = Hide(draws, Haystack(draws, config, context), {needle}),
                        .question = "What is the passkey that the document mentions? Answer with the number.",
                        .given = "The passkey is",
                        .references = {key}};
    });
  }
};

/// Different names and their numbers.
struct Needle {
  std::string name, number;
  std::string Sentence() const { return fmt::format("The number of the {} locker is {}.", name, number); }
};
std::vector<Needle> MakeNeedles(TaskDraws& draws, int64_t count) {
  std::vector<Needle> needles;
  std::set<std::string> taken;
  while (std::ssize(needles) < count) {
    // Two words where one each is not enough.
    std::string name(MadeName(draws));
    if (count > 16) name += fmt::format(" {}", MadeName(draws));
    if (taken.insert(name).second) needles.push_back({std::move(name), MadeNumber(draws, 6)});
  }
  return needles;
}
TaskSample AskFor(const Needle& needle, std::string id, std::string document) {
  return {.id = std::move(id),
          .document = std::move(document),
          .question = fmt::format("What is the number of the {} locker? Answer with the number.", needle.name),
          .given = fmt::format("The number of the {} locker is", needle.name),
          .references = {needle.number}};
}
std::string HideNeedles(TaskDraws& draws, const std::vector<Needle>& needles, std::vector<std::string> haystack) {
  std::vector<std::string> hidden;
  for (const Needle& needle : needles) hidden.push_back(needle.Sentence());
  return Hide(draws, std::move(haystack), hidden);
}

/// Many numbers hidden, one asked for. Source: Hsieh et al. 2024 (RULER), arXiv 2404.06654, multi-key retrieval.
class Needles final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kExactMatch; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    return EachFromDraws(config, [&](TaskDraws& draws, std::string id) {
      const std::vector<Needle> needles = MakeNeedles(draws, config.keys);
      const Needle& wanted = draws.Of<Needle>(needles);
      return AskFor(wanted, std::move(id), HideNeedles(draws, needles, Haystack(draws, config, context)));
    });
  }
};

/// Several questions about one document, as in turns of a talk.
class Turns final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kExactMatch; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    RefusePaths(config);
    constexpr int64_t kMostQuestions = 1000;
    if (config.count > kMostQuestions) {
      Throw(ErrorCode::kConfig, "task turns: expected a `count` of at most {}, got {}", kMostQuestions, config.count);
    }
    TaskDraws draws(static_cast<uint64_t>(config.seed), 0);
    const std::vector<Needle> needles = MakeNeedles(draws, std::max(config.count, config.keys));
    const std::string document = HideNeedles(draws, needles, Haystack(draws, config, context));
    std::vector<TaskSample> samples;
    for (int64_t i = 0; i < config.count; ++i) samples.push_back(AskFor(needles[i], SampleId(config, i), document));
    return samples;
  }
};

/// Which variables have a value that was handed on from one to the next. Source: RULER, as above, variable tracking.
class Variables final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kExactMatch; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    return EachFromDraws(config, [&](TaskDraws& draws, std::string id) {
      const std::vector<Needle> needles = MakeNeedles(draws, 2 * config.keys);
      // The first half is the chain that is asked for, the second another one.
      std::vector<std::string> hidden, references;
      for (int64_t link = 0; link < config.keys; ++link) {
        for (const int64_t chain : {int64_t{0}, config.keys}) {
          const Needle& needle = needles[chain + link];
          hidden.push_back(fmt::format("Let the variable {} be {}.", needle.name,
                                       link == 0 ? needle.number : "equal to " + needles[chain + link - 1].name));
        }
        references.push_back(needles[link].name);
      }
      return TaskSample{.id = std::move(id),
                        .document = Hide(draws, Haystack(draws, config, context), hidden),
                        .question = fmt::format("Which variables have the value {}, directly or through another "
                                                "variable? List all {} names.",
                                                needles[0].number, config.keys),
                        .given = {},
                        .references = references,
                        .all_references = true};
    });
  }
};

}  // namespace

std::unique_ptr<Task> MakePasskey() { return std::make_unique<Passkey>(); }
std::unique_ptr<Task> MakeNeedlesTask() { return std::make_unique<Needles>(); }
std::unique_ptr<Task> MakeTurns() { return std::make_unique<Turns>(); }
std::unique_ptr<Task> MakeVariables() { return std::make_unique<Variables>(); }

}  // namespace longshot
