#include <string>
#include <string_view>

#include "core/error.h"
#include "tasks/documents.h"
#include "tasks/kinds.h"

namespace longshot {
namespace {

/// Windows of a text, one after the other: the first `count` of `length` tokens each.
class Perplexity final : public Task {
 public:
  TaskMetric metric() const override { return TaskMetric::kPerplexity; }
  std::vector<TaskSample> Samples(const TaskConfig& config, const TaskContext& context) const override {
    if (config.paths.empty()) Throw(ErrorCode::kConfig, "task perplexity: expected `paths`: texts to predict");
    const std::string text = context.read_documents(config.paths);
    std::vector<TaskSample> samples;
    std::string_view rest = text;
    while (!rest.empty() && std::ssize(samples) < config.count) {
      constexpr int64_t kMostBytes = 16;  // of a token in text; what lies beyond is not looked at for this window
      const auto near = rest.substr(0, static_cast<size_t>(MadeLength(config) * kMostBytes));
      std::string window = CutToTokens(std::string(near), MadeLength(config), context);
      rest.remove_prefix(window.size());
      const bool is_short = rest.empty() && !samples.empty();  // what is left of the text
      if (is_short) break;
      samples.push_back({.id = "window" + std::to_string(samples.size() + 1),
                         .document = std::move(window),
                         .question = {},
                         .given = {},
                         .references = {}});
    }
    return samples;
  }
};

}  // namespace

std::unique_ptr<Task> MakePerplexity() { return std::make_unique<Perplexity>(); }

}  // namespace longshot
