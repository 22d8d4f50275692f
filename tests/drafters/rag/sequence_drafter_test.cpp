// labels: unit
#include "drafters/rag/sequence_drafter.h"

#include <gtest/gtest.h>

#include "drafters/registry.h"
#include "runtime/engine/engine.h"
#include "tests/drafters/every_drafter.h"
#include "tests/runtime/engine/table_target.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

/// An answer of 100 tokens to a prompt of 40, drafted by another model that holds `own_context` tokens and reads
/// `own_prompt` of them first.
GenerateResult Answer(std::string_view drafter_name, int64_t own_context, size_t own_prompt) {
  TableTarget target({.vocab = 12, .max_context = 200}), own({.vocab = 12, .max_context = own_context});
  std::vector<Token> prompt;
  for (Token i = 0; i < 40; ++i) prompt.push_back(i * i % 12);
  GenerateRequest request;
  request.prompt = prompt;
  request.draft_prompt = std::span(prompt).last(own_prompt);
  request.draft_target = &own;
  request.max_tokens = 100;
  request.ignore_eos = true;
  request.sampling.temperature = 0.8;
  request.seed = 5;
  if (drafter_name != "none") request.draft = {.max_nodes = 9, .max_depth = 9, .cost = PassCost(0.001)};
  const auto drafter = MakeEagerDrafter(drafter_name);
  const auto rule = MakeVerifier("coupled");
  const GenerateResult result = Engine(&target, rule.get(), drafter.get()).Generate(request);
  EXPECT_LE(own.largest_capacity(), own_context);
  return result;
}

TEST(SequenceDrafter, StopsWhereItsModelsContextEnds) {
  const std::vector<Token> plain = Answer("none", 200, 30).tokens;
  const int64_t all = Answer("rag", 200, 30).metrics.num_draft_tokens;
  for (const int64_t context : {31, 32, 40, 47, 64, 100}) {
    for (const char* name : {"rag", "copy,rag", "draft-simple", "copy,draft-simple"}) {
      const GenerateResult result = Answer(name, context, 30);
      EXPECT_EQ(result.tokens, plain) << name << " in " << context;
      if (std::string_view(name) == "rag") {
        EXPECT_LT(result.metrics.num_draft_tokens, all) << context;
      }
    }
  }
}

TEST(SequenceDrafter, APromptThatItsModelCannotHoldIsNotDraftedFrom) {
  EXPECT_EQ(Answer("rag", 30, 30).metrics.num_draft_tokens, 0);
  EXPECT_EQ(Answer("draft-simple", 20, 30).metrics.num_draft_tokens, 0);
  EXPECT_EQ(Answer("rag", 200, 0).metrics.num_draft_tokens, 0);
  EXPECT_GT(Answer("rag", 200, 1).metrics.num_draft_tokens, 0) << "a prompt of one token";
}

}  // namespace
}  // namespace longshot
