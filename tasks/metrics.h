#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/task.h"

namespace longshot {

/// Words as scores compare them: lower case, without punctuation, and, like SQuAD, without "a", "an" and "the".
/// Source: Rajpurkar et al. 2016, arXiv 1606.05250, official scorer.
std::vector<std::string> ScoredWords(std::string_view text);

/// Whether the words of some reference stand in the answer, one after the other; `all`: the share of those that do.
double ExactMatch(std::string_view answer, std::span<const std::string> references, bool all = false);
/// Harmonic mean of precision and recall over words, order aside; of the best reference.
double WordF1(std::string_view answer, std::span<const std::string> references);
/// ROUGE-L with beta = 1, of the best reference. Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of
/// Summaries", equations 2 to 4. Cost O(words of the answer x words of a reference).
double RougeL(std::string_view answer, std::span<const std::string> references);

/// Of an answer to a sample, by any of them. REQUIRES: not kNone, and at least one reference.
double Score(TaskMetric metric, std::string_view answer, const TaskSample& sample);

}  // namespace longshot
