// labels: unit
#include "tasks/metrics.h"

#include <gtest/gtest.h>

namespace longshot {
namespace {

TEST(TaskMetrics, WordsAreComparedWithoutCasePunctuationAndArticles) {
  EXPECT_EQ(ScoredWords("The cat, a DOG; an ox!"), (std::vector<std::string>{"cat", "dog", "ox"}));
}

TEST(TaskMetrics, ExactMatchCountsReferencesThatStandInTheAnswer) {
  const std::vector<std::string> one = {"48 213"}, two = {"amber", "cedar"};
  EXPECT_EQ(ExactMatch("It is 48 213.", one), 1);
  EXPECT_EQ(ExactMatch("It is 48 214.", one), 0);
  EXPECT_EQ(ExactMatch("It is 148 213.", one), 0);
  EXPECT_EQ(ExactMatch("Amber and basalt", two), 1);
  EXPECT_EQ(ExactMatch("Amber and basalt", two, true), 0.5);
}

// By hand: common words {cat, sat}, precision 2/4, recall 2/3.
TEST(TaskMetrics, F1OfWords) {
  const std::vector<std::string> reference = {"the cat sat down"};
  EXPECT_NEAR(WordF1("cat mat sat sat", reference), 2 * (0.5 * 2 / 3) / (0.5 + 2.0 / 3), 1e-12);
  EXPECT_EQ(WordF1("", reference), 0);
}

// By hand: longest common subsequence "police killed gunman" against "police kill gunman": police, gunman.
TEST(TaskMetrics, RougeLOfTheBestReference) {
  const std::vector<std::string> references = {"nothing alike", "police killed the gunman"};
  EXPECT_NEAR(RougeL("police kill the gunman", references), 2.0 / 3, 1e-12);
  EXPECT_NEAR(RougeL("gunman police killed", references), 2.0 / 3, 1e-12);
  EXPECT_EQ(RougeL("police killed gunman", references), 1);
}

}  // namespace
}  // namespace longshot
