#include "runtime/spec/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "core/rng.h"

namespace longshot {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const SamplingConfig kPlain = {.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0};

Distribution Process(const SamplingConfig& config, const std::vector<float>& logits,
                     const std::vector<Token>& committed = {}, const std::vector<Token>& path = {}) {
  Distribution law;
  Sampler(config).Process(logits, committed, path, law);
  return law;
}

std::vector<float> LogOf(std::vector<double> probabilities) {
  std::vector<float> logits;
  for (double p : probabilities) logits.push_back(p > 0 ? static_cast<float>(std::log(p)) : -kInfinity);
  return logits;
}

TEST(Sampler, WithoutProcessorsIsTheSoftmax) {
  const Distribution law = Process(kPlain, LogOf({0.5, 0.0, 0.2, 0.3}));
  EXPECT_EQ(law.ids, (std::vector<Token>{0, 2, 3}));
  EXPECT_NEAR(law.Probability(0), 0.5, 1e-7);
  EXPECT_NEAR(law.Probability(3), 0.3, 1e-7);
  EXPECT_EQ(law.Probability(1), 0.0);
  EXPECT_EQ(law.Probability(4), 0.0);
  EXPECT_EQ(law.Argmax(), 0);
  EXPECT_EQ(law.log_weights[0], 0.0);
}

TEST(Sampler, TopKKeepsTheBestAndTiesGoToTheLowestId) {
  SamplingConfig config = kPlain;
  config.top_k = 2;
  EXPECT_EQ(Process(config, {1, 3, 2, 2}).ids, (std::vector<Token>{1, 2}));
}

TEST(Sampler, TopPKeepsTheShortestPrefixThatReachesIt) {
  SamplingConfig config = kPlain;
  const auto logits = LogOf({0.1, 0.5, 0.15, 0.25});
  config.top_p = 0.49;
  EXPECT_EQ(Process(config, logits).ids, (std::vector<Token>{1}));
  config.top_p = 0.51;
  EXPECT_EQ(Process(config, logits).ids, (std::vector<Token>{1, 3}));
  config.top_p = 0.8;
  EXPECT_EQ(Process(config, logits).ids, (std::vector<Token>{1, 2, 3}));
  config.top_p = 0;
  EXPECT_EQ(Process(config, logits).ids, (std::vector<Token>{1}));
}

TEST(Sampler, MinPIsRelativeToTheBest) {
  SamplingConfig config = kPlain;
  config.min_p = 0.4;
  EXPECT_EQ(Process(config, LogOf({0.1, 0.5, 0.15, 0.25})).ids, (std::vector<Token>{1, 3}));
}

TEST(Sampler, TopPSeesWhatTopKLeftAndTemperatureComesLast) {
  // Of the best three, 0.4 / 0.9 and 0.3 / 0.9 reach 0.75; over the whole row they would not.
  SamplingConfig config = {.temperature = 5, .top_k = 3, .top_p = 0.75, .min_p = 0};
  const Distribution law = Process(config, LogOf({0.4, 0.3, 0.2, 0.1}));
  EXPECT_EQ(law.ids, (std::vector<Token>{0, 1}));
  const double ratio = std::pow(0.3 / 0.4, 1.0 / 5);
  EXPECT_NEAR(law.Probability(1), ratio / (1 + ratio), 1e-7);
}

TEST(Sampler, TemperatureZeroIsAPointMassAfterPenalties) {
  SamplingConfig config;
  config.temperature = 0;
  EXPECT_EQ(Process(config, {1, 4, 4, 2}).ids, (std::vector<Token>{1}));
  config.repeat_penalty = 3;
  const Distribution law = Process(config, {1, 4, 4, 2}, {1});
  EXPECT_EQ(law.ids, (std::vector<Token>{2}));
  EXPECT_EQ(law.probabilities, (std::vector<double>{1.0}));
}

TEST(Sampler, PenaltiesFollowLlamaCpp) {
  SamplingConfig config = kPlain;
  config.repeat_penalty = 2;
  config.frequency_penalty = 0.5;
  config.presence_penalty = 0.25;
  // Token 0 twice, positive: 3 / 2 - 2 * 0.5 - 0.25. Token 1 once, negative: -1 * 2 - 0.5 - 0.25. Token 2:
  // untouched.
  const Distribution law = Process(config, {3, -1, 0.5}, {0}, {1, 0});
  EXPECT_NEAR(law.log_weights[0] - law.log_weights[2], 0.25 - 0.5, 1e-6);
  EXPECT_NEAR(law.log_weights[1] - law.log_weights[2], -2.75 - 0.5, 1e-6);
}

TEST(Sampler, PenaltiesLookBackOverPathThenCommitted) {
  SamplingConfig config = kPlain;
  config.presence_penalty = 1;
  const auto penalized = [&](int64_t last_n) {
    config.repeat_last_n = last_n;
    const Distribution law = Process(config, {0, 0, 0, 0}, {0, 1}, {2});
    std::vector<bool> hit;
    for (double weight : law.log_weights) hit.push_back(weight < -0.5);
    return hit;
  };
  EXPECT_EQ(penalized(1), (std::vector<bool>{false, false, true, false}));
  EXPECT_EQ(penalized(2), (std::vector<bool>{false, true, true, false}));
  EXPECT_EQ(penalized(-1), (std::vector<bool>{true, true, true, false}));
  EXPECT_EQ(penalized(0), (std::vector<bool>{false, false, false, false}));
}

TEST(Sampler, TheSplitOfTheHistoryDoesNotMatter) {
  SamplingConfig config;
  config.repeat_penalty = 1.3;
  config.frequency_penalty = 0.2;
  config.repeat_last_n = 4;
  std::vector<float> logits(300);
  for (int i = 0; i < 300; ++i) logits[i] = static_cast<float>(6 * Uniform({.node = i, .purpose = DrawPurpose::kTest}));
  const std::vector<Token> history = {7, 3, 7, 250, 11, 3};
  const Distribution whole = Process(config, logits, history);
  for (size_t cut = 0; cut <= history.size(); ++cut) {
    const Distribution split =
        Process(config, logits, {history.begin(), history.begin() + cut}, {history.begin() + cut, history.end()});
    EXPECT_EQ(split.ids, whole.ids);
    EXPECT_EQ(split.probabilities, whole.probabilities);
  }
}

TEST(Sampler, TopKOfABigRowAgreesWithTheWholeSort) {
  std::vector<float> logits(49152);
  for (int i = 0; i < 49152; ++i) logits[i] = static_cast<float>(Uniform({.node = i, .purpose = DrawPurpose::kTest}));
  SamplingConfig config = kPlain;
  config.top_k = 40;
  const Distribution few = Process(config, logits), all = Process(kPlain, logits);
  EXPECT_EQ(few.ids.size(), 40u);
  EXPECT_EQ(all.ids.size(), 49152u);
  double least = 1;
  for (Token id : few.ids) least = std::min(least, all.Probability(id));
  EXPECT_EQ(std::ranges::count_if(all.probabilities, [&](double p) { return p >= least; }), 40);
}

TEST(Sampler, TopPWithoutTopKAgreesWithASortedRow) {
  for (const double spread : {0.01, 1.0, 3.0, 8.0}) {
    std::vector<float> logits(3000);
    for (int i = 0; i < 3000; ++i) {
      logits[i] = static_cast<float>(spread * 3 * Uniform({.node = i, .purpose = DrawPurpose::kTest}));
    }
    const Distribution all = Process(kPlain, logits);
    std::vector<double> sorted = all.probabilities;
    std::ranges::sort(sorted, std::greater());
    for (const double top_p : {0.3, 0.9, 0.999}) {
      double sum = 0;
      size_t expected = 0;
      while (sum < top_p) sum += sorted[expected++];
      SamplingConfig config = kPlain;
      config.top_p = top_p;
      const Distribution law = Process(config, logits);
      EXPECT_EQ(law.ids.size(), expected) << "spread " << spread << ", top-p " << top_p;
      for (Token id : law.ids) EXPECT_GE(all.Probability(id), sorted[expected - 1]);
    }
  }
}

TEST(Sampler, MinPAloneNeedsNoOrder) {
  SamplingConfig config = kPlain;
  config.min_p = 0.5;
  EXPECT_EQ(Process(config, LogOf({0.1, 0.2, 0.35, 0.0, 0.35})).ids, (std::vector<Token>{1, 2, 4}));
}

TEST(Sampler, ARowWithoutATokenIsAProgrammersMistake) {
  EXPECT_DEATH(Process(kPlain, {-kInfinity, -kInfinity}), "every logit is -inf");
  EXPECT_DEATH(Process(SamplingConfig{.temperature = 0}, {-kInfinity, -kInfinity}), "every logit is -inf");
}

TEST(Sampler, ALogitThatIsNotANumberIsADamagedFile) {
  EXPECT_THROW(Process(SamplingConfig{}, {1, std::numeric_limits<float>::quiet_NaN()}), Error);
  EXPECT_THROW(Process(SamplingConfig{.temperature = 0}, {1, kInfinity}), Error);
}

TEST(Sampler, MakesRoomForNoMoreThanTheLongestHistory) {
  const SamplingConfig config{.repeat_penalty = 1.1, .repeat_last_n = std::numeric_limits<int64_t>::max()};
  EXPECT_NO_THROW(Sampler(config, 100)) << "so much room cannot be made";
}

TEST(SamplingConfig, KnowsWhetherPenaltiesAreOn) {
  SamplingConfig config;
  EXPECT_FALSE(config.HasPenalties());
  config.presence_penalty = 0.1;
  EXPECT_TRUE(config.HasPenalties());
  config.repeat_last_n = 0;
  EXPECT_FALSE(config.HasPenalties());
}

}  // namespace
}  // namespace longshot
