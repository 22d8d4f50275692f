#pragma once

#include <string>
#include <string_view>

#include "tasks/task.h"

namespace longshot {

/// The longest prefix of whole lines with at most `tokens` tokens (at least one character where a line is longer).
/// Cost: O(log lines) tokenizations.
std::string CutToTokens(std::string text, int64_t tokens, const TaskContext& context);

/// The text of `config.paths`, cut to `config.length` where that is given; without paths, made sentences of `config`'s
/// seed and length. Errors: those of `TaskContext::read_documents`.
std::string DocumentOf(const TaskConfig& config, const TaskContext& context, int64_t sample);

/// "seed1-0": of a made sample.
std::string SampleId(const TaskConfig& config, int64_t sample);

/// `config.length`, or what made documents have without it.
int64_t MadeLength(const TaskConfig& config);

}  // namespace longshot
