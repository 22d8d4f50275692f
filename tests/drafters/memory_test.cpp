// labels: unit
// What a drafter holds is at most what the memory table foretold.
#include <gtest/gtest.h>

#include <string>

#include "drafters/registry.h"
#include "tests/drafters/every_drafter.h"
#include "tests/runtime/engine/table_target.h"

namespace longshot {
namespace {

TEST(DraftMemory, IsAtMostWhatWasForetold) {
  constexpr int64_t kContext = 3000;
  TableTarget target({.vocab = 40, .max_context = kContext});
  const Sampler sampler({.temperature = 0.8});
  std::vector<Token> prompt;
  for (int i = 0; i < kContext - 8; ++i) prompt.push_back(static_cast<Token>((i * i + i / 7) % 40));
  for (const DrafterEntry& entry : Drafters()) {
    const SequenceId sequence = target.Open(kContext);
    target.Prefill({.sequence = sequence, .tokens = std::span(prompt).first(prompt.size() - 1)});
    DrafterConfig config;
    config.type = entry.name;
    const auto drafter = MakeDrafter(config);
    const DraftSource source = SourceOf(prompt);
    drafter->Begin({.target = &target,
                    .sequence = sequence,
                    .prompt = prompt,
                    .draft_source = &source,
                    .draft_target = &target,
                    .max_tokens = 8,
                    .sampler = &sampler});
    TokenTree tree(prompt.back());
    const DraftBudget budget{.max_nodes = 4, .max_depth = 4, .cost = PassCost(0)};
    if (drafter->WantsStart(budget)) drafter->Start(prompt);
    drafter->Propose(prompt, budget, tree);
    const int64_t foretold = entry.most_bytes({.context = kContext, .vocab = 40});
    EXPECT_LE(drafter->bytes(), foretold) << entry.name;
    EXPECT_EQ(foretold > 0, entry.name != "none") << entry.name;
    EXPECT_EQ(drafter->bytes() > 0, entry.name != "none") << entry.name;
    target.Close(sequence);
  }
}

}  // namespace
}  // namespace longshot
