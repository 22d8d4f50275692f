#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/task_draws.h"

namespace longshot {

/// A sentence about nothing in particular. Sentences rarely repeat: text that repeats itself would flatter drafters
/// that copy.
std::string MadeSentence(TaskDraws& draws);

/// Sentences of about `tokens` tokens in all.
std::vector<std::string> MadeSentences(TaskDraws& draws, int64_t tokens,
                                       const std::function<int64_t(std::string_view)>& count_tokens);

/// Joins sentences to paragraphs of six.
std::string Paragraphs(const std::vector<std::string>& sentences);

/// A word that stands for a thing or a place in made tasks, and never in made sentences.
std::string_view MadeName(TaskDraws& draws);
/// `digits` decimal digits, the first not 0.
std::string MadeNumber(TaskDraws& draws, int digits);

}  // namespace longshot
