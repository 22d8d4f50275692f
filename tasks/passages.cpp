#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "tasks/documents.h"
#include "tasks/kinds.h"
#include "tasks/made_text.h"

namespace longshot {
namespace {

/// Tokens of a passage that is repeated, and of its beginning that the answer is given: small models know then what is
/// wanted.
constexpr int64_t kPassageTokens = 300, kGivenTokens = 24;

/// Whole lines of a document, about `kPassageTokens`, different ones for each sample; other than at its very end.
std::string Passage(const std::string& document, TaskDraws& draws, const TaskContext& context) {
  const auto limit = static_cast<int64_t>(document.size()) * 3 / 4;
  size_t begin = limit > 0 ? static_cast<size_t>(draws.Below(limit)) : 0;
  size_t line = begin == 0 ? document.npos : document.find('\n', begin);
  if (line != document.npos && document.find_first_not_of("\n ", line) == document.npos)
    line = document.rfind('\n', begin);
  begin = line == document.npos ? 0 : line + 1;
  begin = std::min(document.find_first_not_of('\n', begin), document.size());
  return CutToTokens(document.substr(begin), kPassageTokens, context);
}

/// A beginning of about `kGivenTokens`, up to the end of a word.
size_t GivenEnd(const std::string& passage, const TaskContext& context) {
  size_t end = CutToTokens(passage.substr(0, passage.find('\n')), kGivenTokens, context).size();
  const size_t space = passage.rfind(' ', end);
  if (end < passage.size() && passage[end] != ' ' && space != passage.npos && space > 0) end = space;
  return end;
}

TaskSample Repeat(std::string id, std::string document, std::string request, const std::string& wanted,
                  const TaskContext& context) {
  const size_t given = GivenEnd(wanted, context);
  return {.id = std::move(id),
          .document = std::move(document),
          .question = std::move(request),
          .given = wanted.substr(0, given),
          .references = {wanted.substr(given)}};
}

/// Documents once, passages of them by sample.
template <class Make>
std::vector<TaskSample> FromPassages(const TaskConfig& config, const TaskContext& context, Make&& make) {
  std::vector<TaskSample> samples;
  const std::string document = DocumentOf(config, context, 0);
  for (int64_t i = 0; i < config.count; ++i) {
    TaskDraws draws(static_cast<uint64_t>(config.seed) + 1, i);
    samples.push_back(make(document, Passage(document, draws, context), draws, SampleId(config, i)));
  }
  return samples;
}

/// A passage word for word.
class Copying final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kRougeL; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    return FromPassages(
        config, context, [&](const std::string& document, const std::string& passage, TaskDraws&, std::string id) {
          return Repeat(std::move(id), document,
                        "Repeat this section of the document word for word, changing nothing:\n\n" + passage, passage,
                        context);
        });
  }
};

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The longest word of lower-case letters; the first of equals.
std::string LongestWord(const std::string& text) {
  std::string longest;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && IsLetter(text[end])) ++end;
    const std::string word = text.substr(i, end - i);
    const bool lower = std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a'; });
    if (lower && word.size() > longest.size()) longest = word;
    i = end + 1;
  }
  return longest;
}

std::string ReplaceWord(const std::string& text, const std::string& word, std::string_view by) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const bool begins = text.compare(i, word.size(), word) == 0 && (i == 0 || !IsLetter(text[i - 1]));
    const size_t end = i + word.size();
    if (begins && (end >= text.size() || !IsLetter(text[end]))) {
      result += by;
      i = end;
    } else {
      result += text[i++];
    }
  }
  return result;
}

/// A passage with one word replaced throughout.
class Editing final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kRougeL; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    return FromPassages(config, context,
                        [&](const std::string& document, const std::string& passage, TaskDraws& draws, std::string id) {
                          const std::string word = LongestWord(passage);
                          if (word.empty()) {
                            Throw(ErrorCode::kConfig, "task editing: a passage of the document has no word to replace");
                          }
                          const std::string_view by = MadeName(draws);
                          return Repeat(std::move(id), document,
                                        fmt::format("Repeat this section of the document and replace every '{}' by "
                                                    "'{}'; change nothing else:\n\n{}",
                                                    word, by, passage),
                                        ReplaceWord(passage, word, by), context);
                        });
  }
};

/// The lines that follow in a source file, the repository before it.
class Code final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kRougeL; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    if (config.paths.empty()) {
      Throw(ErrorCode::kConfig, "task code: expected `paths`: the files or folders of a repository");
    }
    const std::string repository = context.read_documents(config.paths);
    std::vector<TaskSample> samples;
    for (int64_t i = 0; i < config.count; ++i) {
      TaskDraws draws(static_cast<uint64_t>(config.seed), i);
      // Cut somewhere in the last three quarters: what comes before is the document.
      const auto size = static_cast<int64_t>(repository.size());
      const size_t cut =
          repository.find('\n', static_cast<size_t>(size / 4 + draws.Below(std::max<int64_t>(1, size / 2))));
      if (cut == repository.npos) Throw(ErrorCode::kConfig, "task code: the repository has too few lines");
      std::string before = repository.substr(0, cut + 1);
      if (config.length > 0) before = LastTokens(std::move(before), config.length, context);
      const std::string rest = CutToTokens(repository.substr(cut + 1), kPassageTokens, context);
      const std::string shown = LastTokens(before, kGivenTokens * 4, context);
      samples.push_back({.id = SampleId(config, i),
                         .document = before,
                         .question = "Continue this code where it ends. Write code only.\n\n" + shown,
                         .given = {},
                         .references = {rest}});
    }
    return samples;
  }

 private:
  /// The shortest suffix of whole lines with at least `tokens` tokens.
  static std::string LastTokens(std::string text, int64_t tokens, const TaskContext& context) {
    const int64_t all = context.count_tokens(text);
    if (all <= tokens) return text;
    const std::string cut = CutToTokens(text, all - tokens, context);
    return text.substr(cut.size());
  }
};

/// Questions that the config names, about documents of the user.
class Questions final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kNone; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    if (config.paths.empty() || config.questions.empty()) {
      Throw(ErrorCode::kConfig, "task documents: expected `paths` and `questions`");
    }
    std::vector<TaskSample> samples;
    for (const std::string& path : config.paths) {
      std::string document = context.read_documents({path});
      if (config.length > 0) document = CutToTokens(std::move(document), config.length, context);
      for (size_t q = 0; q < config.questions.size(); ++q) {
        samples.push_back({.id = fmt::format("{}#{}", path, q + 1),
                           .document = document,
                           .question = config.questions[q],
                           .given = {},
                           .references = {}});
      }
    }
    return samples;
  }
};

}  // namespace

std::unique_ptr<Task> MakeCopying() { return std::make_unique<Copying>(); }
std::unique_ptr<Task> MakeEditing() { return std::make_unique<Editing>(); }
std::unique_ptr<Task> MakeCode() { return std::make_unique<Code>(); }
std::unique_ptr<Task> MakeQuestions() { return std::make_unique<Questions>(); }

}  // namespace longshot
