#include "retrieval/bm25.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.h"
#include "retrieval/words.h"

namespace longshot {
namespace {

/// Stems of the words that count, and how often each stands in the query: a long query costs no more than the index.
std::map<std::string, int64_t> QueryWords(std::string_view query) {
  std::map<std::string, int64_t> stop_words, content;
  ForEachWord(query, [&](const std::string& word) { ++(IsStopWord(word) ? stop_words : content)[Stem(word)]; });
  return content.empty() ? stop_words : content;
}

}  // namespace

Bm25::Bm25(std::span<const std::string_view> texts, const Bm25Config& config) {
  CHECK(texts.size() <= std::numeric_limits<int32_t>::max(), "{} chunks", texts.size());
  lengths_.assign(texts.size(), 0);
  for (size_t i = 0; i < texts.size(); ++i) Count(texts[i], static_cast<int32_t>(i));
  Weigh(config);
}

void Bm25::Count(std::string_view text, int32_t chunk) {
  ForEachWord(text, [&](const std::string& word) {
    std::vector<Posting>& postings = postings_[Stem(word)];
    if (postings.empty() || postings.back().chunk != chunk) postings.push_back({chunk, 0});
    postings.back().weight += 1;
    lengths_[static_cast<size_t>(chunk)] += 1;
  });
}

void Bm25::Weigh(const Bm25Config& config) {
  const auto chunks = static_cast<double>(lengths_.size());
  double words = 0;
  for (const float length : lengths_) words += length;
  const double mean = std::max(words / std::max(chunks, 1.0), 1.0);
  for (auto& [word, postings] : postings_) {
    const auto with = static_cast<double>(postings.size());
    const double idf = std::log1p((chunks - with + 0.5) / (with + 0.5));
    for (Posting& posting : postings) {
      const double length = lengths_[static_cast<size_t>(posting.chunk)], tf = posting.weight;
      const double norm = config.k1 * (1 - config.b + config.b * length / mean);
      posting.weight = static_cast<float>(idf * tf / (tf + norm));
    }
  }
}

std::vector<RankedChunk> Bm25::Rank(std::string_view query, int64_t k) const {
  std::vector<double> scores(lengths_.size(), 0);
  std::vector<RankedChunk> ranked;
  for (const auto& [word, count] : QueryWords(query)) {
    const auto found = postings_.find(word);
    if (found == postings_.end()) continue;
    for (const Posting& posting : found->second) {
      double& score = scores[static_cast<size_t>(posting.chunk)];
      if (score == 0) ranked.push_back({posting.chunk, 0});
      score += static_cast<double>(count) * posting.weight;
    }
  }
  for (RankedChunk& chunk : ranked) chunk.score = scores[static_cast<size_t>(chunk.chunk)];
  KeepBest(ranked, k);
  return ranked;
}

}  // namespace longshot
