#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "retrieval/embedder.h"
#include "retrieval/ranker.h"

namespace faiss {
struct Index;
}

namespace longshot {

/// How vectors are searched: all of them, along a graph of neighbours, or in the nearest of some clusters.
enum class VectorSearch : uint8_t { kFlat, kHnsw, kIvf };

/// Errors: CHECK unless one of "flat", "hnsw", "ivf".
VectorSearch VectorSearchOf(std::string_view name);

/// Chunks by the cosine of their vector to the query's: of several windows the best pair counts. FAISS holds and
/// searches the vectors, on the calling thread alone. `kFlat` is exact; the others may miss chunks (`RecallAt`).
/// Sources: Malkov and Yashunin 2016, arXiv 1603.09320 (HNSW); Sivic and Zisserman 2003 (inverted lists), both as in
/// Johnson et al. 2017, arXiv 1702.08734.
class DenseIndex final : public Ranker {
 public:
  /// `chunks`: the vectors of chunks 0, 1, ..., `count` of them. `embedder` must outlive it.
  /// REQUIRES: chunks.dims == embedder.dims(), every vector finite, chunks.text within [0, count) and ascending.
  DenseIndex(const Embedder& embedder, const Embeddings& chunks, int64_t count, VectorSearch search);
  ~DenseIndex() override;

  std::string_view name() const override { return "dense"; }
  std::vector<RankedChunk> Rank(std::string_view query, int64_t k) const override;

  /// The same for vectors of a query. queries: [windows, dims] f32 row-major.
  std::vector<RankedChunk> RankVectors(std::span<const float> queries, int64_t k) const;
  /// What `Rank` would give if it missed nothing: every vector is compared, one by one.
  std::vector<RankedChunk> RankExactly(std::string_view query, int64_t k) const;

  /// The exact cosine of each of `chunks` to the query, -1 for one without vectors: [chunks].
  std::vector<double> Similarities(std::string_view query, std::span<const RankedChunk> chunks) const;

 private:
  struct Nearest;
  Nearest Search(std::span<const float> queries, int64_t windows_each) const;
  double Similarity(std::span<const float> queries, int64_t chunk, std::span<float> scratch) const;

  const Embedder* embedder_;
  int64_t dims_, count_;
  std::vector<int32_t> chunk_of_;      ///< [windows]
  std::vector<int64_t> first_window_;  ///< [count + 1]
  std::unique_ptr<faiss::Index> index_;
};

/// recall@k: of the chunks that an exact search ranks best for each of the queries, the share that `index` ranks too.
/// REQUIRES: k >= 1. 1 where there are none.
double RecallAt(int64_t k, const DenseIndex& index, std::span<const std::string_view> queries);

}  // namespace longshot
