#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "retrieval/ranker.h"
#include "runtime/config/field.h"

namespace longshot {

struct Bm25Config {
  double k1 = 1.2;
  double b = 0.75;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "rag_bm25_k1",
                .flags = "--spec-rag-bm25-k1",
                .minimum = 0,
                .maximum = 1000,
                .help = "how slowly repetitions of a word in a chunk stop counting"},
          self.k1);
    visit(Field{.name = "rag_bm25_b",
                .flags = "--spec-rag-bm25-b",
                .minimum = 0,
                .maximum = 1,
                .help = "how much the length of a chunk counts against it"},
          self.b);
  }
};

/// Chunks by the words they share with the query: stems of `ForEachWord`. A stop word of the query counts only where
/// the query has no other word. score = sum over the query's words t, repetitions included, of
///   idf(t) tf / (tf + k1 (1 - b + b length / mean length)),  idf(t) = ln(1 + (N - n_t + 0.5) / (n_t + 0.5))
/// with N chunks, n_t of them with t. Source: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework",
/// section 3.4; idf, never negative, and the missing factor k1 + 1 as in Lucene's BM25Similarity.
class Bm25 final : public Ranker {
 public:
  /// Linear in the texts, of which only the words are kept.
  explicit Bm25(std::span<const std::string_view> texts, const Bm25Config& config = {});

  std::string_view name() const override { return "bm25"; }
  std::vector<RankedChunk> Rank(std::string_view query, int64_t k) const override;

 private:
  struct Posting {
    int32_t chunk = 0;
    float weight = 0;  ///< occurrences while counting, then what the word adds to the chunk's score
  };

  void Count(std::string_view text, int32_t chunk);
  void Weigh(const Bm25Config& config);

  std::unordered_map<std::string, std::vector<Posting>> postings_;  ///< chunks ascending
  std::vector<float> lengths_;                                      ///< words of a chunk
};

}  // namespace longshot
