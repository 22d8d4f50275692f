#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/chunker.h"
#include "retrieval/document.h"
#include "retrieval/embedder.h"
#include "retrieval/ranker.h"

namespace longshot {

/// A passage of one of the documents.
struct RetrievedChunk {
  int32_t document = 0;  ///< index into the documents
  TextSpan span;
  double score = 0;  ///< as its ranker gives it
};

/// What was found for a question: best chunks within the budget, in the order of the documents.
struct Retrieved {
  std::vector<RetrievedChunk> chunks;  ///< at least one
  int64_t tokens = 0;
  bool below_threshold = false;  ///< no chunk reached the threshold: the best one was taken all the same
};

}  // namespace longshot
