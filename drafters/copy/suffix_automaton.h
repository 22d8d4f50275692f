#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"

namespace longshot {

/// The longest suffix of a text that occurred in it before.
struct SuffixMatch {
  int64_t length = 0;  ///< tokens; 0: the last token is new
  int64_t end = -1;    ///< position of the last token of an earlier occurrence, so that `end + 1` continues it
};

/// Suffix automaton of a growing text. After every token it knows the longest suffix that occurred before and
/// where it ended last. Extension is amortised O(1): at most 2n states and 3n edges; edges live in one pool,
/// found through an open-addressing table keyed by (state, token). Source: Blumer et al. 1985, "The smallest
/// automaton recognizing the subwords of a text"; its use for drafting: Hu et al. 2024, "SAM Decoding", arXiv
/// 2411.10666.
class SuffixAutomaton {
 public:
  SuffixAutomaton() { Clear(); }

  /// Forgets the text; keeps memory.
  void Clear();
  /// Makes room for a text of `tokens` tokens.
  void Reserve(int64_t tokens);
  /// REQUIRES: token >= 0.
  void Append(Token token);

  int64_t size() const { return static_cast<int64_t>(text_.size()); }
  Token operator[](int64_t position) const { return text_[position]; }
  /// The longest suffix of the whole text that also ends earlier, and (almost always) the latest such end:
  /// ends are refreshed for at most 64 enclosing suffixes per token, which only texts like "aaaa..." exceed.
  SuffixMatch match() const { return match_; }
  int64_t bytes() const;
  /// What `Reserve` takes for a text of `tokens` tokens.
  static int64_t ReservedBytes(int64_t tokens);

 private:
  struct State {
    int32_t length = 0;       ///< of its longest string
    int32_t link = -1;        ///< state of the longest suffix with other ends
    int32_t latest_end = -1;  ///< of the occurrences seen
    int32_t first_edge = -1;
  };
  struct Edge {
    int32_t from = 0;
    Token token = 0;
    int32_t to = 0;
    int32_t next = -1;  ///< of the same state
  };

  int32_t NewState(const State& state);
  /// Splits `state`, reached from `from` over `token`, at the length that `from` implies. Returns the shorter
  /// half.
  int32_t Split(int32_t from, Token token, int32_t state);
  /// Edge of `state` over `token`, or -1.
  int32_t Find(int32_t state, Token token) const;
  void AddEdge(int32_t from, Token token, int32_t to);
  void Rehash(size_t slots);
  size_t Slot(int32_t state, Token token) const;
  void FindMatchAndRefreshEnds();

  std::vector<Token> text_;
  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<int32_t> slots_;  ///< edge or -1; a power of two, at most half full
  int32_t last_ = 0;            ///< state of the whole text
  SuffixMatch match_;
};

}  // namespace longshot
