#include "cli/retrieve_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "core/printable.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr size_t kShownText = 60;
constexpr size_t kShownPath = 60;

/// A chunk's rank, from 1, and score.
struct Place {
  size_t rank = 0;
  double score = 0;
};

using Places = std::unordered_map<int64_t, Place>;

Places PlacesOf(const RankerResult& ranker) {
  Places places;
  for (size_t i = 0; i < ranker.ranked.size(); ++i) places[ranker.ranked[i].chunk] = {i + 1, ranker.ranked[i].score};
  return places;
}

std::set<int64_t> TakenChunks(const RetrieveReport& report) {
  std::set<int64_t> taken;
  for (const RetrievedChunk& chunk : report.retrieved.chunks) taken.insert(chunk.chunk);
  return taken;
}

/// The chosen ranker's order; behind it what only others know, in the order of the documents.
std::vector<int64_t> Rows(const RetrieveReport& report, const std::set<int64_t>& taken, int64_t top) {
  std::set<int64_t> wanted = taken;
  Places chosen;
  for (const RankerResult& ranker : report.rankers) {
    const size_t shown = std::min(ranker.ranked.size(), static_cast<size_t>(top));
    for (size_t i = 0; i < shown; ++i) wanted.insert(ranker.ranked[i].chunk);
    if (ranker.name == report.retriever->chosen().name()) chosen = PlacesOf(ranker);
  }
  std::vector<int64_t> rows(wanted.begin(), wanted.end());
  const auto rank = [&](int64_t chunk) {
    const auto found = chosen.find(chunk);
    return found == chosen.end() ? chosen.size() + 1 : found->second.rank;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) { return rank(a) < rank(b); });
  return rows;
}

std::string TimesLine(const RetrieveReport& report) {
  const Retriever::Times& times = report.retriever->times();
  std::string line = times.cached ? fmt::format("chunks and vectors from the cache {:.1f} ms", times.cache_ms)
                                  : fmt::format("chunking {:.1f} ms, embedding {:.1f} ms, keeping them {:.1f} ms",
                                                times.chunk_ms, times.embed_ms, times.store_ms);
  line += fmt::format(", index {:.1f} ms; search:", times.index_ms);
  for (const RankerResult& ranker : report.rankers) line += fmt::format(" {} {:.1f} ms", ranker.name, ranker.search_ms);
  return line + "\n";
}

std::string SummaryLine(const RetrieveReport& report) {
  const Retriever& retriever = *report.retriever;
  const Retrieved& retrieved = report.retrieved;
  std::string line =
      fmt::format("{}: {} of {} passages taken (*), {} tokens of a budget of {}; {} document{}, {} tokens\n",
                  retriever.chosen().name(), retrieved.chunks.size(), retriever.chunks().size(), retrieved.tokens,
                  report.budget_tokens, retriever.documents().size(), retriever.documents().size() == 1 ? "" : "s",
                  retriever.tokens());
  if (retrieved.below_threshold) line += "no passage reaches the threshold: the best one was taken\n";
  if (retrieved.over_budget) line += "no passage fits the budget: the best one was taken\n";
  return line;
}

json ChunkJson(const RetrieveReport& report, int32_t document, const TextSpan& span, double score) {
  return {{"path", report.retriever->documents()[static_cast<size_t>(document)].path},
          {"offset", span.offset},
          {"length", span.length},
          {"tokens", span.tokens},
          {"score", score}};
}

json TimesJson(const RetrieveReport& report) {
  const Retriever::Times& times = report.retriever->times();
  json search = json::object();
  for (const RankerResult& ranker : report.rankers) search[std::string(ranker.name)] = ranker.search_ms;
  return {{"cached", times.cached},  {"cache", times.cache_ms}, {"chunk", times.chunk_ms},    {"embed", times.embed_ms},
          {"store", times.store_ms}, {"index", times.index_ms}, {"search", std::move(search)}};
}

}  // namespace

std::string RetrieveTable(const RetrieveReport& report, int64_t top) {
  const Retriever& retriever = *report.retriever;
  const std::set<int64_t> taken = TakenChunks(report);
  std::vector<Places> places;
  std::string out = " ";
  for (const RankerResult& ranker : report.rankers) {
    places.push_back(PlacesOf(ranker));
    out += fmt::format(" {:>15}", ranker.name);
  }
  out += "  passage\n";
  for (const int64_t row : Rows(report, taken, top)) {
    out += taken.contains(row) ? "*" : " ";
    for (const Places& ranker : places) {
      const auto found = ranker.find(row);
      out += found == ranker.end() ? fmt::format(" {:>15}", "-")
                                   : fmt::format(" {:>5} {:>9.4f}", found->second.rank, found->second.score);
    }
    const auto& [document, span] = retriever.chunks()[static_cast<size_t>(row)];
    out +=
        fmt::format("  {} {}+{} {}\n", Printable(retriever.documents()[static_cast<size_t>(document)].path, kShownPath),
                    span.offset, span.length, Printable(retriever.Text(row), kShownText));
  }
  out += SummaryLine(report) + TimesLine(report);
  if (report.recall) out += fmt::format("of the {} best by exact search the index finds {:.2f}\n", top, *report.recall);
  return out;
}

json RetrieveJson(const RetrieveReport& report, int64_t top) {
  const Retriever& retriever = *report.retriever;
  json chunks = json::array();
  for (const RetrievedChunk& chunk : report.retrieved.chunks) {
    json entry = ChunkJson(report, chunk.document, chunk.span, chunk.score);
    entry["text"] = JoinChunks(retriever.documents(), {&chunk, 1});
    chunks.push_back(std::move(entry));
  }
  json rankings = json::object();
  for (const RankerResult& ranker : report.rankers) {
    json list = json::array();
    const size_t shown = std::min(ranker.ranked.size(), static_cast<size_t>(top));
    for (const RankedChunk& chunk : std::span(ranker.ranked).first(shown)) {
      const auto& [document, span] = retriever.chunks()[static_cast<size_t>(chunk.chunk)];
      list.push_back(ChunkJson(report, document, span, chunk.score));
    }
    rankings[std::string(ranker.name)] = std::move(list);
  }
  json dense_recall;  // null for an exact index
  if (report.recall) dense_recall = {{"k", top}, {"recall", *report.recall}};
  return {{"question", report.question},
          {"retriever", retriever.chosen().name()},
          {"chunks", std::move(chunks)},
          {"tokens", report.retrieved.tokens},
          {"budget_tokens", report.budget_tokens},
          {"below_threshold", report.retrieved.below_threshold},
          {"over_budget", report.retrieved.over_budget},
          {"document_tokens", retriever.tokens()},
          {"document_chunks", retriever.chunks().size()},
          {"rankings", std::move(rankings)},
          {"dense_recall", std::move(dense_recall)},
          {"times_ms", TimesJson(report)}};
}

}  // namespace longshot
