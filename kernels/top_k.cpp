#include "kernels/top_k.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/error.h"

namespace longshot {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
/// Above this, shifting a sorted list costs more than sorting all candidates.
constexpr int64_t kMaxSortedInsertion = 256;

/// Weights are checked when they are packed, but finite ones can still overflow inside the model.
void RequireFinite(Candidate candidate) {
  if (candidate.logit < kInfinity) [[likely]]
    return;
  Throw(ErrorCode::kFormat, "logit of token {} is {}: the model's weights overflow; its file is damaged", candidate.id,
        candidate.logit);
}

/// The best `best.size()` candidates seen so far, sorted. Rows are scanned in ascending id, so a candidate
/// that only equals the worst one loses, which is the tie rule.
class SortedBest {
 public:
  explicit SortedBest(std::span<Candidate> best) : best_(best) {}

  int64_t count() const { return count_; }
  /// Only a logit that is not <= threshold can enter: NaN too, so that it is noticed.
  float threshold() const { return threshold_; }

  void Insert(Candidate candidate) {
    RequireFinite(candidate);
    const int64_t capacity = static_cast<int64_t>(best_.size());
    int64_t at = count_ < capacity ? count_++ : capacity - 1;
    for (; at > 0 && best_[at - 1].logit < candidate.logit; --at) best_[at] = best_[at - 1];
    best_[at] = candidate;
    if (count_ == capacity) threshold_ = best_[capacity - 1].logit;
  }

 private:
  std::span<Candidate> best_;
  int64_t count_ = 0;
  float threshold_ = -kInfinity;
};

/// Blocks without a candidate, nearly all of them once the list is full, cost one vectorised comparison per
/// logit.
void Scan(std::span<const float> logits, SortedBest& best) {
  constexpr int64_t kBlock = 64;
  const int64_t vocab = static_cast<int64_t>(logits.size());
  for (int64_t begin = 0; begin < vocab; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, vocab);
    const float threshold = best.threshold();
    int any = 0;
    for (int64_t i = begin; i < end; ++i) any |= !(logits[i] <= threshold);
    if (!any) continue;
    for (int64_t i = begin; i < end; ++i) {
      if (!(logits[i] <= best.threshold())) best.Insert({logits[i], static_cast<Token>(i)});
    }
  }
}

}  // namespace

void SelectTop(std::span<const float> logits, int64_t k, std::vector<Candidate>& best) {
  const int64_t vocab = static_cast<int64_t>(logits.size());
  if (k <= 0 || k > vocab) k = vocab;
  if (k <= kMaxSortedInsertion) {
    best.resize(k);
    SortedBest sorted(best);
    Scan(logits, sorted);
    best.resize(sorted.count());
    return;
  }
  SelectFinite(logits, best);
  k = std::min(k, static_cast<int64_t>(best.size()));
  if (k < static_cast<int64_t>(best.size())) {
    std::nth_element(best.begin(), best.begin() + k, best.end(), Better);
    best.resize(k);
  }
  std::sort(best.begin(), best.end(), Better);
}

void SelectFinite(std::span<const float> logits, std::vector<Candidate>& all) {
  all.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == -kInfinity) continue;
    all.push_back({logits[i], static_cast<Token>(i)});
    RequireFinite(all.back());
  }
}

void TopKIds(std::span<const float> logits, std::span<Token> ids) {
  CHECK(!ids.empty() && ids.size() <= kMaxTopKIds, "{} ids asked for", ids.size());
  std::array<Candidate, kMaxTopKIds> storage;
  SortedBest best(std::span<Candidate>(storage).first(ids.size()));
  Scan(logits, best);
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<int64_t>(i) < best.count() ? storage[i].id : kNoToken;
  }
}

Token ArgmaxId(std::span<const float> logits) {
  Token best = kNoToken;
  TopKIds(logits, std::span(&best, 1));
  CHECK(best != kNoToken, "every logit is -inf");
  return best;
}

}  // namespace longshot
