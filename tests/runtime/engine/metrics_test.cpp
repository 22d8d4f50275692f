#include "runtime/engine/metrics.h"

#include <gtest/gtest.h>

namespace longshot {
namespace {

TEST(PhaseTimes, EachPhaseHasItsNameAndTime) {
  const PhaseTimes times{
      .restore = 1, .prefill = 2, .prefill_draft = 3, .sizing = 4, .draft = 5, .score = 6, .verify = 7, .commit = 8};
  double total = 0;
  for (int i = 0; i < kPhases; ++i) {
    EXPECT_EQ(times.of(static_cast<Phase>(i)), i + 1);
    total += times.of(static_cast<Phase>(i));
  }
  EXPECT_EQ(total, times.total());
  EXPECT_EQ(times.decode(), 4 + 5 + 6 + 7 + 8) << "sizing is waited for";
  EXPECT_EQ(Name(Phase::kRestore), "restore");
  EXPECT_EQ(Name(Phase::kPrefill), "prefill_target");
  EXPECT_EQ(Name(Phase::kPrefillDraft), "prefill_draft");
  EXPECT_EQ(Name(Phase::kSizing), "sizing");
  EXPECT_EQ(Name(Phase::kDraft), "draft");
  EXPECT_EQ(Name(Phase::kScore), "score");
  EXPECT_EQ(Name(Phase::kVerify), "verify");
  EXPECT_EQ(Name(Phase::kCommit), "commit");
}

TEST(GenerationMetrics, RatesOfNothingAreZero) {
  const GenerationMetrics metrics;
  EXPECT_EQ(metrics.MeanAcceptanceLength(), 0.0);
  EXPECT_EQ(metrics.DraftAcceptanceRate(), 0.0);
  EXPECT_TRUE(metrics.AcceptancePerPosition().empty());
  EXPECT_TRUE(metrics.ConditionalAcceptancePerPosition().empty());
}

TEST(GenerationMetrics, CountsRoundsDepthsAndTokens) {
  GenerationMetrics metrics;
  metrics.AddRound(3, 3, 2, 3);
  metrics.AddRound(4, 2, 0, 1);
  metrics.AddRound(0, 0, 0, 1);  // no draft
  metrics.AddRound(3, 3, 3, 4);
  EXPECT_EQ(metrics.target_passes, 4);
  EXPECT_EQ(metrics.emitted_tokens, 9);
  EXPECT_EQ(metrics.num_drafts, 3);
  EXPECT_EQ(metrics.num_draft_tokens, 10);
  EXPECT_EQ(metrics.num_accepted_tokens, 5);
  EXPECT_EQ(metrics.drafted_per_depth, (std::vector<int64_t>{3, 3, 2}));
  EXPECT_EQ(metrics.accepted_per_depth, (std::vector<int64_t>{2, 2, 1}));
  EXPECT_EQ(metrics.acceptance_histogram, (std::vector<int64_t>{2, 0, 1, 1}));
  EXPECT_EQ(metrics.MeanAcceptanceLength(), 9.0 / 4);
  EXPECT_EQ(metrics.DraftAcceptanceRate(), 0.5);
  EXPECT_EQ(metrics.AcceptancePerPosition(), (std::vector<double>{2.0 / 3, 2.0 / 3, 1.0 / 3}));
  EXPECT_EQ(metrics.ConditionalAcceptancePerPosition(), (std::vector<double>{2.0 / 3, 1.0, 0.5}));
}

TEST(GenerationMetrics, DepthsNeverAcceptedCountAsZero) {
  GenerationMetrics metrics;
  metrics.AddRound(2, 2, 0, 1);
  EXPECT_EQ(metrics.AcceptancePerPosition(), (std::vector<double>{0.0, 0.0}));
  EXPECT_EQ(metrics.ConditionalAcceptancePerPosition(), (std::vector<double>{0.0, 0.0}));
}

TEST(GenerationMetrics, AnImpossibleRoundIsNoticed) {
  GenerationMetrics metrics;
  EXPECT_DEATH(metrics.AddRound(2, 1, 2, 3), "accepted 2, depth 1, proposed 2");
}

TEST(RepeatedFourGramShare, CountsFourGramsThatOccurredBefore) {
  EXPECT_EQ(RepeatedFourGramShare(std::vector<Token>{}), 0.0);
  // abcdabcd: five 4-grams, the last repeats the first.
  EXPECT_EQ(RepeatedFourGramShare(std::vector<Token>{1, 2, 3, 4, 1, 2, 3, 4}), 0.2);
}

}  // namespace
}  // namespace longshot
