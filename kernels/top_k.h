#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"

namespace longshot {

/// A token with its logit.
struct Candidate {
  float logit = 0;
  Token id = kNoToken;
};

/// True when `a` stands before `b`: larger logit first, ties to the lower id.
inline bool Better(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/// The `k` best tokens of a row, best first, ties to the lower id; -inf is never among them, so fewer may
/// come back. logits: [V]. k <= 0 or k >= V: every finite token. Cost: one scan of V for small k, a sort
/// otherwise. Errors: kFormat for NaN or +inf.
void SelectTop(std::span<const float> logits, int64_t k, std::vector<Candidate>& best);

/// Every token above -inf, by ascending id. Errors: kFormat for NaN or +inf.
void SelectFinite(std::span<const float> logits, std::vector<Candidate>& all);

/// Most ids that `TopKIds` gives per row.
inline constexpr int64_t kMaxTopKIds = 64;

/// Writes the ids.size() best tokens of a row, best first, ties to the lower id; kNoToken where fewer are
/// above -inf. logits: [V]. Allocates nothing. REQUIRES: 1 <= ids.size() <=
/// kMaxTopKIds. Errors: as `SelectTop`.
void TopKIds(std::span<const float> logits, std::span<Token> ids);

/// The best token of a row, ties to the lowest id. REQUIRES: some logit above -inf. Errors: as `SelectTop`.
Token ArgmaxId(std::span<const float> logits);

}  // namespace longshot
