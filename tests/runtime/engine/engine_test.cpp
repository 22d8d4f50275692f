#include "runtime/engine/engine.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/runtime/engine/table_drafter.h"
#include "tests/runtime/engine/table_target.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

/// Proposes the plain output itself, so that every node is accepted, and counts what it is allowed.
class Oracle final : public Drafter {
 public:
  explicit Oracle(std::vector<Token> text) : text_(std::move(text)) {}
  std::string_view name() const override { return "oracle"; }
  void Begin(const DraftContext&) override {}
  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) override {
    budgets.push_back(budget);
    NodeId node = 0;
    for (size_t at = history.size();
         at < text_.size() && tree.size() <= excess + budget.max_nodes && tree.depth(node) < excess + budget.max_depth;
         ++at) {
      node = tree.Add(node, text_[at]);
    }
  }
  void Observe(const RoundView& round) override {
    paths.push_back(std::ssize(round.path));
    emitted.insert(emitted.end(), round.emitted.begin(), round.emitted.end());
    draft_ms += round.draft_ms, pass_ms += round.pass_ms;
  }

  double draft_ms = 0, pass_ms = 0;
  int64_t excess = 0;
  std::vector<DraftBudget> budgets;
  std::vector<int64_t> paths;
  std::vector<Token> emitted;

 private:
  std::vector<Token> text_;
};

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    request_.prompt = prompt_;
    request_.max_tokens = 20;
    request_.draft.max_nodes = request_.draft.max_depth = 8;
    request_.seed = 3;
  }

  /// The plain output with room to spare, then a drafter that knows it.
  Oracle MakeOracle() {
    TableTarget target({.max_context = 200});
    SilentDrafter silent;
    GenerateRequest request = request_;
    request.max_tokens = 150;
    request.end_tokens.clear();
    request.on_token = {};
    plain_ = Engine(&target, rule_.get(), &silent).Generate(request).tokens;
    std::vector<Token> text = prompt_;
    text.insert(text.end(), plain_.begin(), plain_.end());
    return Oracle(text);
  }

  GenerateResult Run(Drafter& drafter) { return Engine(&target_, rule_.get(), &drafter).Generate(request_); }

  std::string MessageOf(ErrorCode code) {
    SilentDrafter silent;
    try {
      Run(silent);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_EQ(target_.verify_passes(), 0) << "work was done before the error";
      return error.what();
    }
    return "no error";
  }

  std::vector<Token> First(int64_t count) const { return {plain_.begin(), plain_.begin() + count}; }

  const std::vector<Token> prompt_ = {1, 4, 0, 2, 2, 3};
  GenerateRequest request_;
  std::unique_ptr<Verifier> rule_ = MakeVerifier("coupled");
  TableTarget target_{{.max_context = 64}};
  std::vector<Token> plain_;
};

TEST_F(EngineTest, AcceptedDraftsTakeFewerPasses) {
  Oracle oracle = MakeOracle();
  const GenerateResult result = Run(oracle);
  EXPECT_EQ(result.tokens, First(20));
  EXPECT_EQ(result.stop, StopReason::kLength);
  EXPECT_EQ(result.metrics.target_passes, 4);  // 1, plainly, + 9 + 9 + 1
  EXPECT_EQ(oracle.paths, (std::vector<int64_t>{1, 9, 9, 1}));
  EXPECT_EQ(oracle.emitted, result.tokens);
  EXPECT_EQ(result.metrics.emitted_tokens, 20);
  EXPECT_EQ(result.metrics.num_drafts, 2);
  EXPECT_EQ(result.metrics.num_draft_tokens, 16);
  EXPECT_EQ(result.metrics.num_accepted_tokens, 16);
  EXPECT_EQ(result.metrics.prompt_tokens, 6);
  EXPECT_EQ(target_.open_sequences(), 0);
}

TEST_F(EngineTest, ATreeIsNeverDeeperThanWhatRemains) {
  Oracle oracle = MakeOracle();
  request_.max_tokens = 15;
  Run(oracle);
  ASSERT_EQ(oracle.budgets.size(), 2u);
  EXPECT_EQ(oracle.budgets[0].max_depth, 8);
  EXPECT_EQ(oracle.budgets[0].round, 1u);
  EXPECT_EQ(oracle.budgets[1].max_depth, 4);
  EXPECT_EQ(oracle.budgets[1].round, 2u);
}

TEST_F(EngineTest, ABudgetOfOneTokenProposesNothing) {
  Oracle oracle = MakeOracle();
  request_.max_tokens = 1;
  const GenerateResult result = Run(oracle);
  EXPECT_EQ(result.tokens, First(1));
  EXPECT_TRUE(oracle.budgets.empty());
  EXPECT_EQ(oracle.paths.size(), 1u);
  EXPECT_EQ(result.metrics.num_drafts, 0);
}

TEST_F(EngineTest, NoTokensAskedForIsNoWork) {
  request_.max_tokens = 0;
  SilentDrafter silent;
  const GenerateResult result = Run(silent);
  EXPECT_TRUE(result.tokens.empty());
  EXPECT_EQ(result.stop, StopReason::kLength);
  EXPECT_EQ(target_.verify_passes(), 0);
}

TEST_F(EngineTest, APromptOfOneTokenNeedsNoPrefill) {
  request_.prompt = std::span(prompt_).first(1);
  bool prefilled = false;
  request_.on_prefill = [&](int64_t, int64_t) { return prefilled = true; };
  Oracle oracle = MakeOracle();
  EXPECT_EQ(Run(oracle).tokens.size(), 20u);
  EXPECT_FALSE(prefilled);
}

TEST_F(EngineTest, AnEndTokenInsideAnAcceptedPathEndsTheAnswerThere) {
  Oracle oracle = MakeOracle();
  // The first occurrence of some token strictly inside the first accepted path of nine.
  for (int64_t at = 1; at < 8; ++at) {
    const Token end = plain_[at];
    if (std::find(plain_.begin(), plain_.begin() + at, end) != plain_.begin() + at) continue;
    Oracle fresh = oracle;
    request_.end_tokens = {end};
    std::vector<Token> streamed;
    request_.on_token = [&](Token token) {
      streamed.push_back(token);
      return true;
    };
    const GenerateResult result = Run(fresh);
    EXPECT_EQ(result.stop, StopReason::kEndOfGeneration);
    EXPECT_EQ(result.tokens, First(at));
    EXPECT_EQ(streamed, result.tokens);
    EXPECT_EQ(result.metrics.emitted_tokens, at + 1);
    EXPECT_EQ(result.metrics.num_accepted_tokens, at);  // the first token is decoded plainly
    // The end token is pending: it has no KV.
    EXPECT_EQ(std::ssize(target_.last_committed()), std::ssize(prompt_) + at);
    EXPECT_EQ(fresh.emitted, First(at + 1));
    return;
  }
  FAIL() << "the table's output has no token that first appears inside the path; choose another seed";
}

TEST_F(EngineTest, IgnoredEndTokensAreTokens) {
  Oracle oracle = MakeOracle();
  request_.end_tokens = {0, 1, 2, 3, 4};
  request_.ignore_eos = true;
  EXPECT_EQ(Run(oracle).tokens, First(20));
}

TEST_F(EngineTest, AnEndTokenInThePromptEndsNothing) {
  Oracle oracle = MakeOracle();
  request_.end_tokens = {plain_[3]};
  const std::vector<Token> prompt(5, plain_[3]);
  request_.prompt = prompt;
  SilentDrafter silent;
  EXPECT_GE(Run(silent).metrics.target_passes, 1);
}

TEST_F(EngineTest, AStopStringInsideAnAcceptedPathEndsTheAnswerAfterItsToken) {
  Oracle oracle = MakeOracle();
  int count = 0;
  request_.on_token = [&](Token) { return ++count < 4; };
  const GenerateResult result = Run(oracle);
  EXPECT_EQ(result.stop, StopReason::kStopString);
  EXPECT_EQ(result.tokens, First(4));
  EXPECT_EQ(count, 4);
  EXPECT_EQ(std::ssize(target_.last_committed()), std::ssize(prompt_) + 3);
}

TEST_F(EngineTest, AStopAtTheBonusTokenKeepsTheWholePath) {
  Oracle oracle = MakeOracle();
  int count = 0;
  request_.on_token = [&](Token) { return ++count < 9; };
  const GenerateResult result = Run(oracle);
  EXPECT_EQ(result.metrics.num_accepted_tokens, 8);
  EXPECT_EQ(std::ssize(target_.last_committed()), std::ssize(prompt_) + 8);
}

TEST_F(EngineTest, TheContextFillsToItsLastToken) {
  Oracle oracle = MakeOracle();
  request_.max_tokens = -1;
  const GenerateResult result = Run(oracle);
  EXPECT_EQ(result.stop, StopReason::kContextFull);
  EXPECT_EQ(result.tokens, First(64 - 6));
  EXPECT_EQ(target_.largest_capacity(), 64);
  SilentDrafter silent;
  EXPECT_EQ(Run(silent).tokens, result.tokens);
}

TEST_F(EngineTest, WideTreesFitTheRowsThatAreLeft) {
  TableTarget small({.max_context = 12});
  TableDrafter wide({.shape = {4, 2, 1}});
  SilentDrafter silent;
  request_.max_tokens = -1;
  const auto plain = Engine(&small, rule_.get(), &silent).Generate(request_);
  EXPECT_EQ(plain.tokens.size(), 6u);
  EXPECT_EQ(Engine(&small, rule_.get(), &wide).Generate(request_).tokens, plain.tokens);
}

TEST_F(EngineTest, NoMoreRowsAreOpenedThanCanBeUsed) {
  SilentDrafter silent;
  Run(silent);
  EXPECT_EQ(target_.largest_capacity(), 6 + 20 + 8);
}

TEST_F(EngineTest, InterruptsBetweenPasses) {
  SilentDrafter silent;
  int polls = 0;
  request_.interrupted = [&] { return ++polls > 3; };
  const GenerateResult result = Run(silent);
  EXPECT_EQ(result.stop, StopReason::kInterrupted);
  EXPECT_EQ(result.tokens.size(), 3u);
  EXPECT_EQ(target_.open_sequences(), 0);
}

TEST_F(EngineTest, InterruptsDuringPrefill) {
  SilentDrafter silent;
  std::vector<std::pair<int64_t, int64_t>> calls;
  request_.on_prefill = [&](int64_t done, int64_t total) {
    calls.emplace_back(done, total);
    return false;
  };
  const GenerateResult result = Run(silent);
  EXPECT_EQ(result.stop, StopReason::kInterrupted);
  EXPECT_TRUE(result.tokens.empty());
  EXPECT_EQ(calls, (std::vector<std::pair<int64_t, int64_t>>{{4, 5}}));
  EXPECT_EQ(result.metrics.prompt_tokens, 4) << "the time of prefill is that of four tokens";
  EXPECT_EQ(target_.verify_passes(), 0);
  EXPECT_EQ(target_.open_sequences(), 0);
}

TEST_F(EngineTest, ClosesTheSequenceWhenACallbackThrows) {
  SilentDrafter silent;
  request_.on_token = [](Token) -> bool { Throw(ErrorCode::kIo, "disk full"); };
  EXPECT_THROW(Run(silent), Error);
  EXPECT_EQ(target_.open_sequences(), 0);
}

TEST_F(EngineTest, HandsTheDrafterWhatItNeeds) {
  TableDrafter drafter({.shape = {2, 1}, .top_k = 3});
  Run(drafter);
  const DraftContext& context = drafter.context();
  EXPECT_EQ(context.target, &target_);
  EXPECT_EQ(context.noise.seed, 3u);
  EXPECT_TRUE(context.coupled);
  EXPECT_EQ(context.prompt.size(), 6u);
  EXPECT_GT(drafter.rounds(), 0);
}

TEST_F(EngineTest, ErrorsNameTheCureBeforeAnyWork) {
  request_.prompt = {};
  EXPECT_EQ(MessageOf(ErrorCode::kUsage), "the prompt has no tokens: expected at least 1; give -p, -f or --doc");
  const std::vector<Token> strange = {1, 5};
  request_.prompt = strange;
  EXPECT_EQ(MessageOf(ErrorCode::kFormat),
            "prompt token 1 has id 5: the model knows ids below 5; use the model's own tokenizer");
  const std::vector<Token> negative = {-1};
  request_.prompt = negative;
  EXPECT_NE(MessageOf(ErrorCode::kFormat).find("token 0 has id -1"), std::string::npos);
  const std::vector<Token> full(64, 1);
  request_.prompt = full;
  EXPECT_EQ(MessageOf(ErrorCode::kCapacity),
            "the prompt has 64 tokens: a context of 64 holds at most 63 and an answer; shorten the document "
            "or raise -c");
  request_.prompt = prompt_;
  request_.max_tokens = 59;
  EXPECT_EQ(MessageOf(ErrorCode::kCapacity),
            "prompt of 6 tokens and 59 to generate: the context holds 64; lower -n to at most 58 or raise -c");
  request_.max_tokens = -2;
  EXPECT_EQ(MessageOf(ErrorCode::kUsage),
            "tokens to generate: expected -1 (until the context is full) or more, got -2; set -n");
  request_.max_tokens = 5;
  request_.draft.max_nodes = -1;
  EXPECT_EQ(MessageOf(ErrorCode::kConfig),
            "draft limits: expected 0 or more, got -1 nodes and depth 8; set --spec-draft-n-max");
}

TEST_F(EngineTest, ADrafterBeyondItsBudgetIsAProgrammersMistake) {
  Oracle oracle = MakeOracle();
  oracle.excess = 1;
  EXPECT_DEATH(Run(oracle), "oracle proposed 9 nodes to depth 9, allowed are 8 and 8");
}

TEST_F(EngineTest, AnOutputThatLoopsIsMeasured) {
  EXPECT_EQ(RepeatedFourGramShare(std::vector<Token>{1, 2, 3}), 0.0);
  EXPECT_EQ(RepeatedFourGramShare(std::vector<Token>{1, 2, 3, 4, 5}), 0.0);
  EXPECT_EQ(RepeatedFourGramShare(std::vector<Token>(7, 9)), 0.75);
  SilentDrafter silent;
  request_.sampling.temperature = 0;
  request_.max_tokens = 58;
  const GenerateResult result = Run(silent);
  EXPECT_EQ(result.metrics.looping_share, RepeatedFourGramShare(result.tokens));
  EXPECT_GT(result.metrics.looping_share, kLoopingShare) << "a greedy walk over 25 contexts must loop";
}

TEST_F(EngineTest, PhasesAreTimedByTheGivenClock) {
  Oracle oracle = MakeOracle();
  double now_ms = 0;
  request_.now_ms = [&now_ms] { return now_ms += 1; };
  const GenerationMetrics metrics = Run(oracle).metrics;
  const auto passes = static_cast<double>(metrics.target_passes);
  EXPECT_EQ(metrics.time_ms.score, passes);
  EXPECT_EQ(metrics.time_ms.draft, 2 * passes) << "proposing and observing";
  EXPECT_EQ(oracle.pass_ms, passes);
  EXPECT_EQ(oracle.draft_ms, passes) << "a drafter is told what its proposal took";
}

TEST(StopReasonNames, AreStable) {
  EXPECT_EQ(Name(StopReason::kEndOfGeneration), "end-of-generation");
  EXPECT_EQ(Name(StopReason::kContextFull), "context-full");
  EXPECT_EQ(Name(StopReason::kInterrupted), "interrupted");
}

}  // namespace
}  // namespace longshot
