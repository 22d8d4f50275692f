#include "retrieval/dense_index.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFFlat.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "core/error.h"

namespace longshot {
namespace {

/// Links of a node, and candidates kept while a graph is built and searched: FAISS's own defaults are 32, 40 and 16,
/// the last two raised for recall, since a document's vectors are few.
constexpr int kHnswLinks = 32;
constexpr int kHnswBuildCandidates = 80;
constexpr int kHnswSearchCandidates = 128;

/// One of so many clusters is searched.
constexpr int64_t kIvfProbeShare = 2;

/// FAISS's OpenMP threads would spin beside the team of the process; a document's vectors need none of them. It also
/// keeps the order in which a graph is built, and so its results, the same.
class OneOpenMpThread {
 public:
  OneOpenMpThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneOpenMpThread() { omp_set_num_threads(before_); }
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  int before_;
};

std::unique_ptr<faiss::Index> MakeHnsw(int dims) {
  auto index = std::make_unique<faiss::IndexHNSWFlat>(dims, kHnswLinks, faiss::METRIC_INNER_PRODUCT);
  index->hnsw.efConstruction = kHnswBuildCandidates;
  index->hnsw.efSearch = kHnswSearchCandidates;
  return index;
}

std::unique_ptr<faiss::Index> MakeIvf(int dims, int64_t vectors) {
  const auto clusters = std::max<int64_t>(1, std::llround(std::sqrt(static_cast<double>(vectors))));
  auto centres = std::make_unique<faiss::IndexFlatIP>(dims);
  auto index = std::make_unique<faiss::IndexIVFFlat>(centres.get(), static_cast<size_t>(dims),
                                                     static_cast<size_t>(clusters), faiss::METRIC_INNER_PRODUCT);
  centres.release();
  index->own_fields = true;
  index->nprobe = static_cast<size_t>((clusters + kIvfProbeShare - 1) / kIvfProbeShare);
  index->cp.min_points_per_centroid = 1;  // fewer are warned of on standard error
  return index;
}

std::unique_ptr<faiss::Index> MakeIndex(const Embeddings& chunks, VectorSearch search) {
  const int dims = static_cast<int>(chunks.dims);
  std::unique_ptr<faiss::Index> index;
  if (search == VectorSearch::kHnsw) index = MakeHnsw(dims);
  if (search == VectorSearch::kIvf && chunks.windows() > 0) index = MakeIvf(dims, chunks.windows());
  if (index == nullptr) index = std::make_unique<faiss::IndexFlatIP>(dims);
  if (chunks.windows() == 0) return index;
  index->train(chunks.windows(), chunks.vectors.data());
  index->add(chunks.windows(), chunks.vectors.data());
  if (auto* lists = dynamic_cast<faiss::IndexIVF*>(index.get())) lists->make_direct_map(true);
  return index;
}

}  // namespace

/// What FAISS finds: windows of the chunks by query window.
struct DenseIndex::Nearest {
  std::vector<float> scores;     ///< [query windows, each], descending
  std::vector<int64_t> windows;  ///< [query windows, each]; -1: no more
  /// No window that is not among them scores more.
  double bound = -std::numeric_limits<double>::infinity();
};

VectorSearch VectorSearchOf(std::string_view name) {
  if (name == "hnsw") return VectorSearch::kHnsw;
  if (name == "ivf") return VectorSearch::kIvf;
  CHECK(name == "flat", "vector search {}", name);
  return VectorSearch::kFlat;
}

DenseIndex::DenseIndex(const Embedder& embedder, const Embeddings& chunks, int64_t count, VectorSearch search)
    : embedder_(&embedder), dims_(embedder.dims()), count_(count), chunk_of_(chunks.text) {
  CHECK(chunks.windows() == 0 || chunks.dims == dims_, "{} dimensions, {} expected", chunks.dims, dims_);
  CHECK(static_cast<int64_t>(chunks.vectors.size()) == chunks.windows() * dims_, "{} values", chunks.vectors.size());
  CHECK(std::is_sorted(chunk_of_.begin(), chunk_of_.end()), "windows out of order");
  CHECK(chunk_of_.empty() || (chunk_of_.front() >= 0 && chunk_of_.back() < count), "{} chunks", count);
  first_window_.reserve(static_cast<size_t>(count) + 1);
  for (int64_t chunk = 0; chunk <= count; ++chunk) {
    first_window_.push_back(std::lower_bound(chunk_of_.begin(), chunk_of_.end(), chunk) - chunk_of_.begin());
  }
  const OneOpenMpThread alone;
  index_ = MakeIndex(chunks, search);
}

DenseIndex::~DenseIndex() = default;

DenseIndex::Nearest DenseIndex::Search(std::span<const float> queries, int64_t windows_each) const {
  const int64_t rows = static_cast<int64_t>(queries.size()) / dims_;
  Nearest found;
  found.scores.resize(static_cast<size_t>(rows * windows_each));
  found.windows.resize(found.scores.size());
  const OneOpenMpThread alone;
  index_->search(rows, queries.data(), windows_each, found.scores.data(), found.windows.data());
  for (int64_t row = 0; row < rows; ++row) {
    const auto last = static_cast<size_t>((row + 1) * windows_each - 1);
    if (found.windows[last] >= 0) found.bound = std::max<double>(found.bound, found.scores[last]);
  }
  return found;
}

std::vector<RankedChunk> DenseIndex::RankVectors(std::span<const float> queries, int64_t k) const {
  CHECK(k >= 0 && static_cast<int64_t>(queries.size()) % dims_ == 0, "{} values of {}", queries.size(), dims_);
  k = std::min(k, count_);
  const int64_t windows = index_->ntotal;
  if (k == 0 || windows == 0 || queries.empty()) return {};
  std::vector<double> best(static_cast<size_t>(count_));
  // More windows than chunks are asked for, since chunks may have several; twice as many until no other can be among
  // the best, not even by a tie.
  for (int64_t each = std::min(windows, k + k / 4 + 16);; each = std::min(windows, 2 * each)) {
    const Nearest found = Search(queries, each);
    std::fill(best.begin(), best.end(), -std::numeric_limits<double>::infinity());
    std::vector<RankedChunk> ranked;
    for (size_t i = 0; i < found.windows.size(); ++i) {
      if (found.windows[i] < 0) continue;
      const int32_t chunk = chunk_of_[static_cast<size_t>(found.windows[i])];
      double& score = best[static_cast<size_t>(chunk)];
      if (std::isinf(score)) ranked.push_back({chunk, 0});
      score = std::max<double>(score, found.scores[i]);
    }
    for (RankedChunk& chunk : ranked) chunk.score = best[static_cast<size_t>(chunk.chunk)];
    KeepBest(ranked, k);
    const bool complete = static_cast<int64_t>(ranked.size()) == k && ranked.back().score > found.bound;
    if (complete || each == windows) return ranked;
  }
}

std::vector<RankedChunk> DenseIndex::Rank(std::string_view query, int64_t k) const {
  return RankVectors(embedder_->Embed({&query, 1}).vectors, k);
}

double DenseIndex::Similarity(std::span<const float> queries, int64_t chunk, std::span<float> scratch) const {
  double best = -1;
  for (int64_t w = first_window_[static_cast<size_t>(chunk)]; w < first_window_[static_cast<size_t>(chunk) + 1]; ++w) {
    index_->reconstruct(w, scratch.data());
    for (size_t row = 0; row < queries.size(); row += scratch.size()) {
      double dot = 0;
      for (size_t i = 0; i < scratch.size(); ++i) dot += static_cast<double>(queries[row + i]) * scratch[i];
      best = std::max(best, dot);
    }
  }
  return best;
}

std::vector<double> DenseIndex::Similarities(std::string_view query, std::span<const RankedChunk> chunks) const {
  const Embeddings embedded = embedder_->Embed({&query, 1});
  std::vector<float> scratch(static_cast<size_t>(dims_));
  std::vector<double> similarities;
  for (const RankedChunk& chunk : chunks) {
    CHECK(chunk.chunk >= 0 && chunk.chunk < count_, "chunk {} of {}", chunk.chunk, count_);
    similarities.push_back(Similarity(embedded.vectors, chunk.chunk, scratch));
  }
  return similarities;
}

std::vector<RankedChunk> DenseIndex::RankExactly(std::string_view query, int64_t k) const {
  std::vector<RankedChunk> ranked;
  for (int64_t chunk = 0; chunk < count_; ++chunk) {
    const auto at = static_cast<size_t>(chunk);
    if (first_window_[at] < first_window_[at + 1]) ranked.push_back({chunk, 0});
  }
  const std::vector<double> similarities = Similarities(query, ranked);
  for (size_t i = 0; i < ranked.size(); ++i) ranked[i].score = similarities[i];
  KeepBest(ranked, k);
  return ranked;
}

double RecallAt(int64_t k, const DenseIndex& index, std::span<const std::string_view> queries) {
  CHECK(k >= 1, "recall at {}", k);
  int64_t wanted = 0, found = 0;
  for (const std::string_view query : queries) {
    std::unordered_set<int64_t> best;
    for (const RankedChunk& chunk : index.RankExactly(query, k)) best.insert(chunk.chunk);
    wanted += static_cast<int64_t>(best.size());
    for (const RankedChunk& chunk : index.Rank(query, k)) found += static_cast<int64_t>(best.count(chunk.chunk));
  }
  return wanted == 0 ? 1 : static_cast<double>(found) / static_cast<double>(wanted);
}

}  // namespace longshot
