#include "session/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

#include "core/error.h"

namespace longshot {
namespace {

struct Outcome {
  std::string shown;
  bool matched = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Feed(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  Outcome outcome;
  for (const std::string& piece : pieces) {
    outcome.shown += matcher.Push(piece);
    if (matcher.matched()) break;
  }
  outcome.shown += matcher.Finish();
  outcome.matched = matcher.matched();
  return outcome;
}

TEST(StopMatcher, PassesTextThroughWithoutStops) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.Push("abc"), "abc");
  EXPECT_EQ(matcher.Finish(), "");
}

TEST(StopMatcher, CutsAcrossPieces) {
  EXPECT_EQ(Feed({"END"}, {"one E", "N", "D two"}), (Outcome{"one ", true}));
  EXPECT_EQ(Feed({"END"}, {"one EN", "T", " two"}), (Outcome{"one ENT two", false}));
}

TEST(StopMatcher, HoldsBackOnlyWhatMayBecomeAStop) {
  StopMatcher matcher({"\n\n", "###"});
  EXPECT_EQ(matcher.Push("line\n"), "line");
  EXPECT_EQ(matcher.Push("x##"), "\nx");
  EXPECT_EQ(matcher.Finish(), "##");
}

TEST(StopMatcher, EarliestStopWinsAndOverlapsAreFound) {
  EXPECT_EQ(Feed({"world", "o w"}, {"hello ", "world"}), (Outcome{"hell", true}));
  EXPECT_EQ(Feed({"aab"}, {"a", "a", "a", "b"}), (Outcome{"a", true}));
}

TEST(StopMatcher, AgreesWithASearchOfTheWholeText) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    const auto letters = [&](size_t longest) {
      std::string text(1 + random() % longest, 'a');
      for (char& c : text) c = static_cast<char>('a' + random() % 2);
      return text;
    };
    const std::vector<std::string> stops{letters(4), letters(5)};
    std::vector<std::string> pieces;
    std::string whole;
    for (int i = 0; i < 6; ++i) whole += pieces.emplace_back(letters(3));
    // The stream ends at the piece that completes the first stop; what is shown ends before the earliest one
    // there.
    size_t cut = std::string::npos;
    std::string seen;
    for (const std::string& piece : pieces) {
      seen += piece;
      cut = std::min(seen.find(stops[0]), seen.find(stops[1]));
      if (cut != std::string::npos) break;
    }
    const Outcome expected{whole.substr(0, cut), cut != std::string::npos};
    EXPECT_EQ(Feed(stops, pieces), expected) << whole << " with " << stops[0] << ", " << stops[1];
  }
}

TEST(StopMatcher, RefusesAnEmptyStop) {
  try {
    StopMatcher matcher({"a", ""});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "--stop: expected text, got an empty string, which ends every answer");
  }
}

}  // namespace
}  // namespace longshot
