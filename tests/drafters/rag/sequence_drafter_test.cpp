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
  const DraftSource source = SourceOf(std::span(prompt).last(own_prompt));
  request.draft_source = &source;
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

/// Texts of 30 tokens whose first ten are always the same, and what was asked of them.
struct ChangingText {
  std::vector<Token> text = std::vector<Token>(30);
  std::vector<size_t> answered;
  bool changes = true;

  DraftSource Source() {
    return {.most_tokens = 30, .find = [this](std::span<const Token> answer) -> std::span<const Token> {
              answered.push_back(answer.size());
              for (size_t i = changes ? 10 : 30; i < 30; ++i) text[i] = static_cast<Token>((answered.size() + i) % 12);
              return text;
            }};
  }
};

GenerateResult Refreshed(ChangingText& text, int64_t refresh, TableTarget& own) {
  TableTarget target({.vocab = 12, .max_context = 200});
  const std::vector<Token> prompt(40, 3);
  const DraftSource source = text.Source();
  GenerateRequest request;
  request.prompt = prompt, request.draft_source = &source, request.draft_target = &own;
  request.max_tokens = 100, request.ignore_eos = true;
  request.sampling.temperature = 0.8, request.seed = 5;
  request.draft = {.max_nodes = 9, .max_depth = 9, .cost = PassCost(0.001)};
  DrafterConfig config;
  config.type = "rag", config.rag.draft_cost = 0.05, config.rag.refresh = refresh;
  const auto drafter = MakeDrafter(config);
  return Engine(&target, MakeVerifier("coupled").get(), drafter.get()).Generate(request);
}

TEST(SequenceDrafter, LooksForANewTextWhenTheAnswerHasGrown) {
  ChangingText once, often, same;
  same.changes = false;
  TableTarget own({.vocab = 12, .max_context = 300});
  const std::vector<Token> plain = Refreshed(once, 0, own).tokens;
  ASSERT_EQ(plain.size(), 100u);
  EXPECT_EQ(once.answered, std::vector<size_t>{0}) << "found once, for the question alone";
  EXPECT_TRUE(own.truncated_to().empty());
  EXPECT_EQ(Refreshed(often, 20, own).tokens, plain);
  ASSERT_GE(often.answered.size(), 3u);
  for (size_t i = 1; i < often.answered.size(); ++i) {
    EXPECT_GE(often.answered[i], often.answered[i - 1] + 20) << "with what was answered until then";
    EXPECT_EQ(own.truncated_to()[i - 1], 10) << "rows that the texts share are kept";
  }
  const size_t before = own.truncated_to().size();
  EXPECT_EQ(Refreshed(same, 20, own).tokens, plain);
  EXPECT_GE(same.answered.size(), 3u);
  EXPECT_EQ(own.truncated_to().size(), before) << "the same text is not read again";
}

TEST(SequenceDrafter, ReadsNothingBeforeTheFirstToken) {
  ChangingText text;
  TableTarget target({.vocab = 12, .max_context = 200}), own({.vocab = 12, .max_context = 200});
  const std::vector<Token> prompt(40, 3);
  const DraftSource source = text.Source();
  GenerateRequest request;
  request.prompt = prompt, request.draft_source = &source, request.draft_target = &own;
  request.max_tokens = 8, request.ignore_eos = true;
  request.draft = {.max_nodes = 4, .max_depth = 4, .cost = PassCost(0.001)};
  size_t found_at_first = 9;
  request.on_token = [&](Token) {
    if (found_at_first == 9) found_at_first = text.answered.size();
    return true;
  };
  const auto drafter = MakeEagerDrafter("rag");
  Engine(&target, MakeVerifier("coupled").get(), drafter.get()).Generate(request);
  EXPECT_EQ(found_at_first, 0u);
  EXPECT_EQ(text.answered.size(), 1u);
}

TEST(SequenceDrafter, TakesRowsOfItsTextFromAnEarlierRun) {
  TableTarget target({.vocab = 12, .max_context = 200}), own({.vocab = 12, .max_context = 200});
  const std::vector<Token> prompt(40, 3), text(30, 7);
  int64_t kept = 0;
  DraftSource source = SourceOf(text);
  source.restore = [&](SequenceId sequence, std::span<const Token> tokens) {
    own.Prefill({.sequence = sequence, .tokens = tokens.first(25)});
  };
  source.keep = [&](SequenceId sequence, std::span<const Token> tokens) {
    kept = std::ssize(tokens);
    EXPECT_GE(own.committed(sequence), kept);
  };
  GenerateRequest request;
  request.prompt = prompt, request.draft_source = &source, request.draft_target = &own;
  request.max_tokens = 20, request.ignore_eos = true;
  request.draft = {.max_nodes = 4, .max_depth = 4, .cost = PassCost(0.001)};
  const auto drafter = MakeEagerDrafter("rag");
  const GenerateResult result = Engine(&target, MakeVerifier("coupled").get(), drafter.get()).Generate(request);
  EXPECT_GT(result.metrics.num_draft_tokens, 0);
  EXPECT_EQ(kept, 30);
}

TEST(SequenceDrafter, ReadingCostsTheTextAndTheAnswerSoFar) {
  TableTarget target({.vocab = 12, .max_context = 400});
  const Sampler sampler({.temperature = 0.8});
  const std::vector<Token> prompt(40, 3), text(50, 7);
  const DraftSource source = SourceOf(text);
  DrafterConfig config;
  config.type = "rag", config.rag.read_cost = 0.2;
  const auto drafter = MakeDrafter(config);
  drafter->Begin(
      {.target = &target, .prompt = prompt, .draft_source = &source, .max_tokens = 100, .sampler = &sampler});
  const DraftBudget budget{.max_nodes = 4, .max_depth = 4, .cost = PassCost(0.01)};
  EXPECT_FALSE(drafter->Foresee(budget)->started);
  EXPECT_DOUBLE_EQ(drafter->Foresee(budget)->start_cost, 0.2 * 50);
  const TokenTree tree(1);
  const std::vector<NodeId> path{0};
  const std::vector<Token> emitted{3};
  for (int i = 0; i < 10; ++i) drafter->Observe({.tree = &tree, .path = path, .emitted = emitted});
  EXPECT_DOUBLE_EQ(drafter->Foresee(budget)->start_cost, 0.2 * 60);
  const DraftBudget none{.max_nodes = 0, .max_depth = 0, .cost = PassCost(0.01)};
  EXPECT_DOUBLE_EQ(drafter->Foresee(none)->start_cost, 0.2 * 60) << "whatever it would propose";
}

}  // namespace
}  // namespace longshot
