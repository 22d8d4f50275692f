#include "tasks/metrics.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "core/error.h"

namespace longshot {
namespace {

double F1(double overlap, size_t answer, size_t reference) {
  if (overlap == 0) return 0;
  const double precision = overlap / static_cast<double>(answer), recall = overlap / static_cast<double>(reference);
  return 2 * precision * recall / (precision + recall);
}

size_t CommonWords(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::map<std::string_view, int64_t> left;
  for (const std::string& word : b) ++left[word];
  return static_cast<size_t>(std::count_if(a.begin(), a.end(), [&](const std::string& word) {
    const auto found = left.find(word);
    return found != left.end() && found->second-- > 0;
  }));
}

size_t LongestCommonSubsequence(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<size_t> row(b.size() + 1, 0);  // of a's words so far
  for (const std::string& word : a) {
    size_t diagonal = 0;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

/// The best reference by an overlap of words.
template <class Overlap>
double BestF1(std::string_view answer, std::span<const std::string> references, Overlap&& overlap) {
  const std::vector<std::string> words = ScoredWords(answer);
  double best = 0;
  for (const std::string& reference : references) {
    const std::vector<std::string> wanted = ScoredWords(reference);
    best = std::max(best, F1(static_cast<double>(overlap(words, wanted)), words.size(), wanted.size()));
  }
  return best;
}

}  // namespace

std::vector<std::string> ScoredWords(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && word != "a" && word != "an" && word != "the") words.push_back(word);
    word.clear();
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isspace(byte)) {
      end_word();
    } else if (!std::ispunct(byte)) {
      word += static_cast<char>(std::tolower(byte));
    }
  }
  end_word();
  return words;
}

double ExactMatch(std::string_view answer, std::span<const std::string> references, bool all) {
  const std::vector<std::string> words = ScoredWords(answer);
  const auto found = std::count_if(references.begin(), references.end(), [&](const std::string& reference) {
    const std::vector<std::string> wanted = ScoredWords(reference);
    return !wanted.empty() && std::search(words.begin(), words.end(), wanted.begin(), wanted.end()) != words.end();
  });
  if (!all) return found > 0 ? 1 : 0;
  return references.empty() ? 0 : static_cast<double>(found) / static_cast<double>(references.size());
}

double WordF1(std::string_view answer, std::span<const std::string> references) {
  return BestF1(answer, references, CommonWords);
}

double RougeL(std::string_view answer, std::span<const std::string> references) {
  return BestF1(answer, references, LongestCommonSubsequence);
}

double Score(TaskMetric metric, std::string_view answer, const TaskSample& sample) {
  CHECK(metric != TaskMetric::kNone && !sample.references.empty());
  if (metric == TaskMetric::kExactMatch) return ExactMatch(answer, sample.references, sample.all_references);
  return metric == TaskMetric::kF1 ? WordF1(answer, sample.references) : RougeL(answer, sample.references);
}

}  // namespace longshot
