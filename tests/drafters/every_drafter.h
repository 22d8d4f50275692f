#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "drafters/registry.h"
#include "runtime/engine/engine.h"

namespace longshot {

/// Parameters of a fixture that is run for every drafter of the registry, and the names of such tests.
inline auto EveryDrafter() { return testing::ValuesIn(Drafters().begin(), Drafters().end()); }
inline std::string DrafterTestName(const testing::TestParamInfo<DrafterEntry>& info) {
  std::string name(info.param.name);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == ','; }, '_');
  return name;
}

inline void PrintTo(const DrafterEntry& entry, std::ostream* out) { *out << entry.name; }

/// A drafter that proposes on the short texts of tests.
inline std::unique_ptr<Drafter> MakeEagerDrafter(std::string_view name) {
  DrafterConfig config;
  config.type = name;
  config.window = {.recent = 40, .sink = 4, .draft_cost = 0.05};
  config.rag.draft_cost = 0.05, config.rag.read_cost = 1e-6;
  config.copy.min_match = 1;
  return MakeDrafter(config);
}

/// A text for drafters that have one of their own; `text` outlives it.
inline DraftSource SourceOf(std::span<const Token> text) {
  return {.most_tokens = std::ssize(text), .find = [text](std::span<const Token>) { return text; }};
}

/// What drafters with a text or a model of their own work with: the end of the prompt, and the target as the model.
class GivenSource {
 public:
  GivenSource(Target& target, GenerateRequest& request)
      : source_(SourceOf(request.prompt.last(std::min<size_t>(request.prompt.size(), 60)))) {
    request.draft_source = &source_;
    request.draft_target = &target;
  }
  GivenSource(const GivenSource&) = delete;
  GivenSource& operator=(const GivenSource&) = delete;

 private:
  DraftSource source_;
};

/// Random tokens of which 40 are repeated 70 later, as documents repeat themselves. REQUIRES: length >= 130.
inline std::vector<Token> RepeatingPrompt(uint64_t seed, int64_t length, int64_t vocab) {
  std::vector<Token> prompt;
  for (uint32_t i = 0; i < length; ++i) {
    const double u = Uniform({.seed = seed, .index = i, .purpose = DrawPurpose::kTest});
    prompt.push_back(i > 90 && i < 130 ? prompt[i - 70] : static_cast<Token>(u * static_cast<double>(vocab)));
  }
  return prompt;
}

}  // namespace longshot
