#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/chunker.h"
#include "retrieval/dense_index.h"
#include "retrieval/document.h"
#include "retrieval/embedder.h"
#include "retrieval/index_cache.h"
#include "retrieval/ranker.h"
#include "retrieval/retrieval_config.h"
#include "runtime/text/tokenizer.h"

namespace longshot {

/// A passage of one of the documents.
struct RetrievedChunk {
  int64_t chunk = 0;     ///< index into the retriever's chunks
  int32_t document = 0;  ///< index into the documents
  TextSpan span;
  double score = 0;  ///< as its ranker gives it
};

/// What was found for a question: best chunks within the budget, in the order of the documents.
struct Retrieved {
  std::vector<RetrievedChunk> chunks;  ///< at least one
  int64_t tokens = 0;                  ///< of `JoinChunks`
  bool below_threshold = false;        ///< no chunk reached the threshold: the best one was taken all the same
  bool over_budget = false;            ///< no chunk fits the budget: the same
};

/// How many tokens a text has, for whom.
struct TokenMeasure {
  TokenCounter count;
  std::string identity;  ///< tells it from those that count otherwise
};

/// Tokens as `tokenizer` makes them, special ones neither added nor read. It must outlive the measure.
TokenMeasure MeasureWith(const Tokenizer& tokenizer);

/// What a `Retriever` works with besides texts and settings.
struct RetrieverParts {
  TokenMeasure measure;                ///< what it refers to must outlive the retriever
  const Embedder* embedder = nullptr;  ///< must outlive it; nullptr: words alone
  EmbedProgress progress = {};
  /// Told one line when a cache file is not used or cannot be written.
  std::function<void(const std::string&)> tell = [](const std::string&) {};
};

/// Finds the passages of a set of documents that answer a question. Immutable after construction.
class Retriever {
 public:
  /// Wall time of the construction's parts.
  struct Times {
    double cache_ms = 0;  ///< key, reading and checking
    double chunk_ms = 0;
    double embed_ms = 0;
    double store_ms = 0;
    double index_ms = 0;
    bool cached = false;  ///< chunks and vectors come from the cache
    double total_ms() const { return cache_ms + chunk_ms + embed_ms + store_ms + index_ms; }
  };

  /// Cuts, embeds and indexes the documents, or takes chunks and vectors from the cache.
  /// Errors: kFormat when there is no text; kConfig for a retriever or a threshold that needs an embedder where there
  /// is none; those of the token counter and the embedder.
  Retriever(std::vector<Document> documents, const RetrievalConfig& config, const RetrieverParts& parts);

  /// Chunks by rank as long as `JoinChunks` of them fits `budget_tokens`: one that does not is passed over, and so is
  /// one of the same text as a better one, or of a cosine below the threshold. Never empty, see `Retrieved`. REQUIRES:
  /// budget_tokens >= 1.
  Retrieved Retrieve(std::string_view query, int64_t budget_tokens) const;

  std::span<const Document> documents() const { return documents_; }
  std::span<const ChunkPlace> chunks() const { return chunks_; }
  std::string_view Text(int64_t chunk) const;
  /// The ranker that `Retrieve` follows is `chosen`; the others are there to be compared with: bm25, and with an
  /// embedder dense and hybrid.
  std::span<const std::unique_ptr<const Ranker>> rankers() const { return rankers_; }
  const Ranker& chosen() const { return *chosen_; }
  /// nullptr without an embedder.
  const DenseIndex* dense() const { return dense_; }
  /// Tokens of all chunks together.
  int64_t tokens() const { return tokens_; }
  const Times& times() const { return times_; }

 private:
  ChunkedDocuments Chunked(const RetrieverParts& parts);
  ChunkedDocuments Compute(const RetrieverParts& parts);
  void MakeRankers(const Embeddings& embeddings, const Embedder* embedder);
  std::vector<RankedChunk> AboveThreshold(std::string_view query, std::vector<RankedChunk> ranked) const;
  Retrieved TakeWithin(int64_t budget_tokens, std::span<const RankedChunk> ranked) const;
  std::vector<RankedChunk> FillBudget(int64_t budget_tokens, std::span<const RankedChunk> ranked) const;
  Retrieved Collect(std::vector<RankedChunk> chunks) const;

  std::vector<Document> documents_;
  RetrievalConfig config_;
  TokenCounter count_;
  std::vector<ChunkPlace> chunks_;
  int64_t tokens_ = 0, separator_tokens_ = 0;
  std::vector<std::unique_ptr<const Ranker>> rankers_;
  const DenseIndex* dense_ = nullptr;
  const Ranker* chosen_ = nullptr;
  Times times_;
};

/// The texts of retrieved chunks, a blank line between two of them.
std::string JoinChunks(std::span<const Document> documents, std::span<const RetrievedChunk> chunks);

/// Tokens to retrieve for a prompt of `prompt_tokens`: n chunks of c = `chunk_tokens`, with
///   n = ceil(max(L / (c lambda), min(m / c, L / c))),
/// L the prompt, lambda = 24 and m = 4096: about m tokens, a lambda-th of a very long prompt, all of a short one.
/// REQUIRES: both arguments positive. Source: Chen et al. 2025, arXiv 2502.20330 (RAPID), as its released code counts,
/// with the settings of the paper.
int64_t PaperBudget(int64_t prompt_tokens, int64_t chunk_tokens);

/// The folder that `config.cache` means, `UserCacheFolder` of this process's environment by default; empty: none.
std::string CacheFolder(const RetrievalConfig& config);

}  // namespace longshot
