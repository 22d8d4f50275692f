#include "drafters/token_recycling/adjacency.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {

void Adjacency::Reset(int64_t vocab) { successors_.assign(vocab * kRow, kNoToken); }

size_t Adjacency::Offset(Token token) const {
  CHECK(token >= 0 && (token + int64_t{1}) * kRow <= static_cast<int64_t>(successors_.size()), "token {}", token);
  return static_cast<size_t>(token) * kRow;
}

std::span<const Token> Adjacency::Row(Token token) const {
  const std::span<const Token> slots = std::span(successors_).subspan(Offset(token), kRow);
  return slots.first(std::find(slots.begin(), slots.end(), kNoToken) - slots.begin());
}

void Adjacency::Write(Token token, std::span<const Token> successors) {
  const std::span<Token> slots = std::span(successors_).subspan(Offset(token), kRow);
  CHECK(successors.size() <= slots.size(), "{} successors", successors.size());
  std::fill(std::copy(successors.begin(), successors.end(), slots.begin()), slots.end(), kNoToken);
}

void Adjacency::Promote(Token token, Token successor) {
  const std::span<Token> slots = std::span(successors_).subspan(Offset(token), kRow);
  auto found = std::find(slots.begin(), slots.end(), successor);
  if (found == slots.end()) found = slots.end() - 1;
  std::move_backward(slots.begin(), found, found + 1);
  slots.front() = successor;
}

}  // namespace longshot
