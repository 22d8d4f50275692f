#include "drafters/copy/suffix_automaton.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/error.h"

namespace longshot {
namespace {

constexpr int32_t kRoot = 0;
constexpr int kRefreshedLinks = 64;
constexpr size_t kSmallestTable = 64;

size_t SlotsFor(int64_t tokens) { return std::bit_ceil(static_cast<size_t>(6 * tokens) + kSmallestTable); }

}  // namespace

void SuffixAutomaton::Clear() {
  text_.clear();
  states_.assign(1, State{});
  edges_.clear();
  slots_.assign(std::max(slots_.size(), kSmallestTable), -1);
  last_ = kRoot;
  match_ = {};
}

void SuffixAutomaton::Reserve(int64_t tokens) {
  CHECK(tokens >= 0 && tokens < std::numeric_limits<int32_t>::max() / 3, "text of {} tokens", tokens);
  text_.reserve(tokens);
  states_.reserve(2 * tokens + 1);
  edges_.reserve(3 * tokens);
  const size_t slots = SlotsFor(tokens);
  if (slots > slots_.size()) Rehash(slots);
}

int32_t SuffixAutomaton::NewState(const State& state) {
  states_.push_back(state);
  return static_cast<int32_t>(states_.size()) - 1;
}

void SuffixAutomaton::Append(Token token) {
  CHECK(token >= 0 && size() < std::numeric_limits<int32_t>::max() / 3);
  text_.push_back(token);
  const int32_t whole =
      NewState({.length = static_cast<int32_t>(size()), .latest_end = static_cast<int32_t>(size()) - 1});
  int32_t state = last_;
  int32_t edge = -1;
  while (state >= 0 && (edge = Find(state, token)) < 0) {
    AddEdge(state, token, whole);
    state = states_[state].link;
  }
  if (state < 0) {
    states_[whole].link = kRoot;
  } else {
    const int32_t next = edges_[edge].to;
    const bool solid = states_[next].length == states_[state].length + 1;
    states_[whole].link = solid ? next : Split(state, token, next);
  }
  last_ = whole;
  FindMatchAndRefreshEnds();
}

int32_t SuffixAutomaton::Split(int32_t from, Token token, int32_t state) {
  State shorter = states_[state];
  shorter.length = states_[from].length + 1;
  shorter.first_edge = -1;
  const int32_t split = NewState(shorter);
  for (int32_t e = states_[state].first_edge; e >= 0; e = edges_[e].next) {
    const Edge edge = edges_[e];
    AddEdge(split, edge.token, edge.to);
  }
  states_[state].link = split;
  for (int32_t s = from; s >= 0; s = states_[s].link) {
    const int32_t e = Find(s, token);
    if (e < 0 || edges_[e].to != state) break;
    edges_[e].to = split;
  }
  return split;
}

void SuffixAutomaton::FindMatchAndRefreshEnds() {
  const int32_t now = static_cast<int32_t>(size()) - 1;
  int32_t state = states_[last_].link;
  match_ = {.length = states_[state].length, .end = states_[state].latest_end};
  for (int i = 0; i < kRefreshedLinks && state > kRoot; ++i) {
    states_[state].latest_end = now;
    state = states_[state].link;
  }
}

size_t SuffixAutomaton::Slot(int32_t state, Token token) const {
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(state)) << 32 | static_cast<uint32_t>(token);
  return (key * 0x9E3779B97F4A7C15u) >> (64 - std::countr_zero(slots_.size()));
}

int32_t SuffixAutomaton::Find(int32_t state, Token token) const {
  for (size_t slot = Slot(state, token); slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const Edge& edge = edges_[slots_[slot]];
    if (edge.from == state && edge.token == token) return slots_[slot];
  }
  return -1;
}

void SuffixAutomaton::AddEdge(int32_t from, Token token, int32_t to) {
  if (2 * (edges_.size() + 1) > slots_.size()) Rehash(2 * slots_.size());
  const int32_t edge = static_cast<int32_t>(edges_.size());
  edges_.push_back({from, token, to, states_[from].first_edge});
  states_[from].first_edge = edge;
  size_t slot = Slot(from, token);
  while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
  slots_[slot] = edge;
}

void SuffixAutomaton::Rehash(size_t slots) {
  slots_.assign(slots, -1);
  for (size_t e = 0; e < edges_.size(); ++e) {
    size_t slot = Slot(edges_[e].from, edges_[e].token);
    while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<int32_t>(e);
  }
}

int64_t SuffixAutomaton::ReservedBytes(int64_t tokens) {
  return static_cast<int64_t>(tokens * sizeof(Token) + (2 * tokens + 1) * sizeof(State) + 3 * tokens * sizeof(Edge) +
                              SlotsFor(tokens) * sizeof(int32_t));
}

int64_t SuffixAutomaton::bytes() const {
  return static_cast<int64_t>(text_.capacity() * sizeof(Token) + states_.capacity() * sizeof(State) +
                              edges_.capacity() * sizeof(Edge) + slots_.capacity() * sizeof(int32_t));
}

}  // namespace longshot
