#include "retrieval/retriever.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "core/printable.h"
#include "core/fast_hash.h"
#include "core/stopwatch.h"
#include "retrieval/bm25.h"
#include "retrieval/hybrid.h"
#include "runtime/config/fields.h"

namespace longshot {
namespace {

constexpr std::string_view kSeparator = "\n\n";

/// lambda and m of RAPID's rule.
constexpr double kShortenFactor = 24;
constexpr double kLeastRetrieved = 4096;

constexpr int64_t kMostBudget = 1 << 30;

/// So many times the chunks that fill the budget on average are ranked: some are passed over.
constexpr int64_t kCandidateFactor = 4;
constexpr int64_t kLeastCandidates = 64;

/// Everything that tokens of a text depend on, lengths before texts so that no two vocabularies give the same.
std::string Describe(const Vocabulary& vocabulary) {
  std::string out;
  const auto add = [&](std::string_view text) { out.append(fmt::format("{} ", text.size())).append(text); };
  add(fmt::format("{} {} {} {}", static_cast<int>(vocabulary.kind), vocabulary.add_space_prefix, vocabulary.unigram,
                  vocabulary.unknown));
  add(vocabulary.pre);
  for (const std::string& piece : vocabulary.pieces) add(piece);
  for (const TokenKind kind : vocabulary.kinds) out.push_back(static_cast<char>(kind));
  const auto scores = std::as_bytes(std::span(vocabulary.scores));
  out.append(reinterpret_cast<const char*>(scores.data()), scores.size());
  for (const auto& [left, right] : vocabulary.merges) add(left), add(right);
  return out;
}

std::string_view TextOf(std::span<const Document> documents, int32_t document, const TextSpan& span) {
  return std::string_view(documents[static_cast<size_t>(document)].text)
      .substr(static_cast<size_t>(span.offset), static_cast<size_t>(span.length));
}

std::vector<std::string_view> Texts(std::span<const Document> documents, std::span<const ChunkPlace> chunks) {
  std::vector<std::string_view> texts;
  texts.reserve(chunks.size());
  for (const auto& [document, span] : chunks) texts.push_back(TextOf(documents, document, span));
  return texts;
}

/// Between two passages a blank line may have more tokens than alone.
int64_t SeparatorTokens(const TokenCounter& count) {
  const std::string between = fmt::format("a.{}A", kSeparator);
  return std::max<int64_t>(0, count(between) - count("a.") - count("A"));
}

ChunkingIdentity Identify(const RetrievalConfig& config, const RetrieverParts& parts) {
  ChunkingIdentity identity{.chunk_tokens = config.chunk_tokens, .tokenizer = parts.measure.identity};
  if (parts.embedder == nullptr) return identity;
  identity.embedder = parts.embedder->identity();
  identity.dims = parts.embedder->dims();
  return identity;
}

void CheckSettings(const RetrievalConfig& config, const Embedder* embedder) {
  RetrievalConfig copy = config;
  CheckFields(BindFields(copy));
  if (embedder != nullptr) return;
  if (config.kind != "bm25") {
    Throw(ErrorCode::kConfig, "retriever {} needs an embedder; name one, or choose the retriever bm25", config.kind);
  }
  if (config.threshold > 0) {
    Throw(ErrorCode::kConfig, "a retrieval threshold of {} needs an embedder; name one, or set it to 0",
          config.threshold);
  }
}

}  // namespace

TokenMeasure MeasureWith(const Tokenizer& tokenizer) {
  const std::string description = Describe(tokenizer.vocabulary());
  return {.count = [&tokenizer](std::string_view text) { return static_cast<int64_t>(tokenizer.Encode(text).size()); },
          .identity = fmt::format("{:016x}-{}", FastHash(std::as_bytes(std::span(description))), description.size())};
}

Retriever::Retriever(std::vector<Document> documents, const RetrievalConfig& config, const RetrieverParts& parts)
    : documents_(std::move(documents)), config_(config), count_(parts.measure.count) {
  if (config_.kind == "auto") config_.kind = parts.embedder != nullptr ? "hybrid" : "bm25";
  CheckSettings(config_, parts.embedder);
  separator_tokens_ = SeparatorTokens(count_);
  ChunkedDocuments chunked = Chunked(parts);
  chunks_ = std::move(chunked.chunks);
  for (const ChunkPlace& chunk : chunks_) tokens_ += chunk.span.tokens;
  Stopwatch watch;
  MakeRankers(chunked.embeddings, parts.embedder);
  times_.index_ms = watch.LapMs();
}

ChunkedDocuments Retriever::Chunked(const RetrieverParts& parts) {
  const std::string folder = CacheFolder(config_);
  if (folder.empty()) return Compute(parts);
  const IndexCache cache(folder);
  const ChunkingIdentity identity = Identify(config_, parts);
  Stopwatch watch;
  try {
    auto found = cache.Load(documents_, identity);
    times_.cache_ms = watch.LapMs();
    times_.cached = found.has_value();
    if (found) return std::move(*found);
  } catch (const Error& error) {
    times_.cache_ms = watch.LapMs();
    parts.tell(fmt::format("retrieval cache: not used, the documents are read again: {}", error.what()));
  }
  ChunkedDocuments computed = Compute(parts);
  watch.LapMs();
  try {
    cache.Store(documents_, identity, computed);
  } catch (const Error& error) {
    parts.tell(fmt::format("retrieval cache: not kept: {}", error.what()));
  }
  times_.store_ms = watch.LapMs();
  return computed;
}

ChunkedDocuments Retriever::Compute(const RetrieverParts& parts) {
  Stopwatch watch;
  ChunkedDocuments computed;
  for (size_t i = 0; i < documents_.size(); ++i) {
    for (const TextSpan& span : SplitIntoChunks(documents_[i].text, config_.chunk_tokens, parts.measure.count)) {
      computed.chunks.push_back({static_cast<int32_t>(i), span});
    }
  }
  if (computed.chunks.empty()) Throw(ErrorCode::kFormat, "expected documents with text to retrieve from, got none");
  CHECK(computed.chunks.size() <= std::numeric_limits<int32_t>::max(), "{} chunks", computed.chunks.size());
  times_.chunk_ms = watch.LapMs();
  if (parts.embedder == nullptr) return computed;
  computed.embeddings = parts.embedder->Embed(Texts(documents_, computed.chunks), parts.progress);
  times_.embed_ms = watch.LapMs();
  return computed;
}

void Retriever::MakeRankers(const Embeddings& embeddings, const Embedder* embedder) {
  rankers_.push_back(std::make_unique<Bm25>(Texts(documents_, chunks_), config_.bm25));
  if (embedder != nullptr) {
    auto dense = std::make_unique<DenseIndex>(*embedder, embeddings, static_cast<int64_t>(chunks_.size()),
                                              VectorSearchOf(config_.index));
    dense_ = dense.get();
    rankers_.push_back(std::move(dense));
    rankers_.push_back(
        std::make_unique<Hybrid>(std::vector<const Ranker*>{rankers_[0].get(), dense_}, config_.fusion_constant));
  }
  for (const auto& ranker : rankers_) {
    if (ranker->name() == config_.kind) chosen_ = ranker.get();
  }
  CHECK(chosen_ != nullptr, "retriever {}", config_.kind);
}

std::string_view Retriever::Text(int64_t chunk) const {
  const auto& [document, span] = chunks_[static_cast<size_t>(chunk)];
  return TextOf(documents_, document, span);
}

std::vector<RankedChunk> Retriever::AboveThreshold(std::string_view query, std::vector<RankedChunk> ranked) const {
  if (config_.threshold <= 0) return ranked;
  const std::vector<double> similarities = dense_->Similarities(query, ranked);
  std::vector<RankedChunk> kept;
  for (size_t i = 0; i < ranked.size(); ++i) {
    if (similarities[i] >= config_.threshold) kept.push_back(ranked[i]);
  }
  return kept;
}

std::vector<RankedChunk> Retriever::FillBudget(int64_t budget_tokens, std::span<const RankedChunk> ranked) const {
  std::vector<RankedChunk> taken;
  std::unordered_set<std::string_view> texts;
  for (const RankedChunk& chunk : ranked) {
    const int64_t separator = taken.empty() ? 0 : separator_tokens_;
    const int64_t tokens = chunks_[static_cast<size_t>(chunk.chunk)].span.tokens + separator;
    if (tokens > budget_tokens || !texts.insert(Text(chunk.chunk)).second) continue;
    taken.push_back(chunk);
    budget_tokens -= tokens;
  }
  return taken;
}

Retrieved Retriever::Collect(std::vector<RankedChunk> chunks) const {
  std::sort(chunks.begin(), chunks.end(), [](const auto& a, const auto& b) { return a.chunk < b.chunk; });
  Retrieved collected;
  for (const RankedChunk& chunk : chunks) {
    const auto& [document, span] = chunks_[static_cast<size_t>(chunk.chunk)];
    collected.chunks.push_back({chunk.chunk, document, span, chunk.score});
  }
  collected.tokens = count_(JoinChunks(documents_, collected.chunks));
  return collected;
}

/// What chunks have together depends on how their ends meet and is known only of the whole: the worst are dropped until
/// it fits.
Retrieved Retriever::TakeWithin(int64_t budget_tokens, std::span<const RankedChunk> ranked) const {
  std::vector<RankedChunk> taken = FillBudget(budget_tokens, ranked);
  if (taken.empty()) taken.push_back(ranked[0]);
  Retrieved retrieved = Collect(taken);
  while (retrieved.tokens > budget_tokens && taken.size() > 1) {
    taken.pop_back();
    retrieved = Collect(taken);
  }
  retrieved.over_budget = retrieved.tokens > budget_tokens;
  return retrieved;
}

Retrieved Retriever::Retrieve(std::string_view query, int64_t budget_tokens) const {
  CHECK(budget_tokens >= 1, "a budget of {} tokens", budget_tokens);
  const auto count = static_cast<int64_t>(chunks_.size());
  const int64_t average = std::max<int64_t>(1, tokens_ / count);
  const int64_t candidates = std::max(kLeastCandidates, kCandidateFactor * std::min(count, budget_tokens / average));
  std::vector<RankedChunk> ranked = chosen_->Rank(query, candidates);
  const std::vector<RankedChunk> kept = AboveThreshold(query, ranked);
  if (!kept.empty()) return TakeWithin(budget_tokens, kept);
  ranked.resize(1);  // the best one; where no chunk has to do with the question, the first
  Retrieved best = TakeWithin(budget_tokens, ranked);
  best.below_threshold = true;
  return best;
}

std::string JoinChunks(std::span<const Document> documents, std::span<const RetrievedChunk> chunks) {
  std::string joined;
  for (const RetrievedChunk& chunk : chunks) {
    if (!joined.empty()) joined += kSeparator;
    joined += TextOf(documents, chunk.document, chunk.span);
  }
  return joined;
}

int64_t BudgetTokens(const RetrievalConfig& config, const BudgetInputs& inputs) {
  constexpr int64_t kUsual = 2048, kLeast = 64, kWeightShare = 8, kPromptShare = 4;
  const int64_t prompt = std::max<int64_t>(1, inputs.prompt_tokens);
  if (config.budget == "paper") return PaperBudget(prompt, config.chunk_tokens);
  if (config.budget == "auto") {
    if (inputs.kv_bytes_per_token == 0) return kUsual;
    const int64_t cheap = inputs.weight_bytes / kWeightShare / inputs.kv_bytes_per_token;
    return std::max(kLeast, std::min(cheap, prompt / kPromptShare));
  }
  int64_t tokens = 0;
  const char* end = config.budget.data() + config.budget.size();
  const auto [stop, error] = std::from_chars(config.budget.data(), end, tokens);
  if (error != std::errc() || stop != end || tokens < 1 || tokens > kMostBudget) {
    Throw(ErrorCode::kUsage, "--spec-rag-budget: expected a number of tokens from 1 to {}, auto or paper, got '{}'",
          kMostBudget, Printable(config.budget));
  }
  return tokens;
}

int64_t PaperBudget(int64_t prompt_tokens, int64_t chunk_tokens) {
  CHECK(prompt_tokens > 0 && chunk_tokens > 0, "{} tokens in chunks of {}", prompt_tokens, chunk_tokens);
  const auto length = static_cast<double>(prompt_tokens), chunk = static_cast<double>(chunk_tokens);
  const double chunks = std::max(length / (chunk * kShortenFactor), std::min(kLeastRetrieved, length) / chunk);
  return static_cast<int64_t>(std::ceil(chunks)) * chunk_tokens;
}

std::string CacheFolder(const RetrievalConfig& config) {
  if (config.cache == "off") return "";
  if (!config.cache.empty()) return config.cache;
  return UserCacheFolder(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"));
}

}  // namespace longshot
