#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/retriever.h"

namespace longshot {

/// What one ranker says of the question.
struct RankerResult {
  std::string_view name;
  std::vector<RankedChunk> ranked;  ///< best first
  double search_ms = 0;             ///< the question's embedding included
};

/// All that `longshot retrieve` has to tell of a question.
struct RetrieveReport {
  std::string question;
  const Retriever* retriever = nullptr;
  int64_t budget_tokens = 0;
  Retrieved retrieved = {};
  std::vector<RankerResult> rankers = {};
  std::optional<double> recall = {};  ///< of an approximate index among the best `top`, against exact search
};

/// Every chunk that a ranker has among its best `top` or that was taken, marked by `*`, with its rank and score by each
/// ranker, in the order of the chosen one; below it the times.
std::string RetrieveTable(const RetrieveReport& report, int64_t top);

/// The chunks taken, in the order of the documents; the best `top` of every ranker; times.
nlohmann::json RetrieveJson(const RetrieveReport& report, int64_t top);

}  // namespace longshot
