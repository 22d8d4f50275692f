#include "drafters/copy/suffix_automaton.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/rng.h"

namespace longshot {
namespace {

Token RandomToken(uint64_t seed, uint32_t index, int alphabet) {
  return static_cast<Token>(Uniform({.seed = seed, .index = index, .purpose = DrawPurpose::kTest}) * alphabet);
}

/// Longest suffix that also ends earlier, by comparison with every earlier end; the latest end wins ties.
SuffixMatch BruteForce(const std::vector<Token>& text) {
  const int64_t last = static_cast<int64_t>(text.size()) - 1;
  SuffixMatch best;
  for (int64_t end = last - 1; end >= 0; --end) {
    int64_t length = 0;
    while (length <= end && text[end - length] == text[last - length]) ++length;
    if (length > best.length) best = {length, end};
  }
  return best;
}

TEST(SuffixAutomaton, AgreesWithBruteForceOnRandomTexts) {
  SuffixAutomaton automaton;  // reused: Clear must forget
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const int alphabet = seed % 3 == 0 ? 2 : seed % 3 == 1 ? 4 : 30;
    automaton.Clear();
    std::vector<Token> text;
    for (uint32_t i = 0; i < 250; ++i) {
      // Half of the texts repeat a stretch of themselves now and then, so that long matches occur.
      const bool copies = seed % 2 == 0 && i > 60 && (i / 20) % 2 == 0;
      text.push_back(copies ? text[i - 60] : RandomToken(seed, i, alphabet));
      automaton.Append(text.back());
      const SuffixMatch expected = BruteForce(text);
      ASSERT_EQ(automaton.match().length, expected.length) << "seed " << seed << " token " << i;
      ASSERT_EQ(automaton.match().end, expected.end) << "seed " << seed << " token " << i;
    }
  }
}

TEST(SuffixAutomaton, ARunOfOneTokenMatchesUpToItsLastTokenButOne) {
  SuffixAutomaton automaton;
  for (int64_t n = 1; n <= 500; ++n) {
    automaton.Append(7);
    EXPECT_EQ(automaton.match().length, n - 1);
    EXPECT_EQ(automaton.match().end, n > 1 ? n - 2 : -1);
  }
}

TEST(SuffixAutomaton, ReservedMemoryIsEnough) {
  for (int kind = 0; kind < 3; ++kind) {
    SuffixAutomaton automaton;
    automaton.Reserve(3000);
    const int64_t reserved = automaton.bytes();
    for (uint32_t i = 0; i < 3000; ++i) {
      const Token worst = i == 0 ? 0 : i + 1 == 3000 ? 2 : 1;  // a b b b ... c: the most states and edges
      automaton.Append(kind == 0 ? RandomToken(5, i, 2) : kind == 1 ? static_cast<Token>(i) : worst);
    }
    EXPECT_EQ(automaton.bytes(), reserved);
  }
}

TEST(SuffixAutomatonDeathTest, RefusesNoToken) {
  SuffixAutomaton automaton;
  EXPECT_DEATH(automaton.Append(kNoToken), "token >= 0");
}

}  // namespace
}  // namespace longshot
