#include "tasks/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tasks/made_text.h"

namespace longshot {

std::string CutToTokens(std::string text, int64_t tokens, const TaskContext& context) {
  if (context.count_tokens(text) <= tokens) return text;
  std::vector<size_t> ends;  // of lines; of characters where there are none
  for (size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) ends.push_back(at + 1);
  if (ends.empty() || context.count_tokens(std::string_view(text).substr(0, ends[0])) > tokens) {
    ends.clear();
    for (size_t at = 1; at <= text.size(); ++at) {
      const bool whole = at == text.size() || (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
      if (whole) ends.push_back(at);
    }
  }
  // The first end that is too far, of those behind the first.
  const auto too_far = std::partition_point(ends.begin() + 1, ends.end(), [&](size_t end) {
    return context.count_tokens(std::string_view(text).substr(0, end)) <= tokens;
  });
  text.resize(*(too_far - 1));
  return text;
}

std::string SampleId(const TaskConfig& config, int64_t sample) { return fmt::format("seed{}-{}", config.seed, sample); }

int64_t MadeLength(const TaskConfig& config) {
  constexpr int64_t kUsual = 2000;
  return config.length > 0 ? config.length : kUsual;
}

std::string DocumentOf(const TaskConfig& config, const TaskContext& context, int64_t sample) {
  if (config.paths.empty()) {
    TaskDraws draws(static_cast<uint64_t>(config.seed), sample);
    return Paragraphs(MadeSentences(draws, MadeLength(config), context.count_tokens));
  }
  std::string text = context.read_documents(config.paths);
  return config.length > 0 ? CutToTokens(std::move(text), config.length, context) : text;
}

}  // namespace longshot
