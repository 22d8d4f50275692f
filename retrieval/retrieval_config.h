#pragma once

#include <cstdint>
#include <string>

#include "retrieval/bm25.h"
#include "retrieval/hybrid.h"
#include "runtime/config/field.h"

namespace longshot {

/// The embedder that `scripts/fetch_embedder.sh` fetches.
inline constexpr const char* kDefaultEmbedder = "models/all-MiniLM-L6-v2";

/// What a budget is worked out from.
struct BudgetInputs {
  int64_t prompt_tokens = 0;  ///< of the target
  int64_t weight_bytes = 0;   ///< that a draft pass reads; 0: unknown
  int64_t kv_bytes_per_token = 0;
};

/// What is retrieved, and how.
struct RetrievalConfig {
  std::string kind = "auto";
  int64_t chunk_tokens = 64;
  std::string budget = "auto";
  std::string query;
  double threshold = 0;
  std::string embedder = kDefaultEmbedder;
  std::string index = "flat";
  std::string cache;
  double fusion_constant = Hybrid::kFusionConstant;
  Bm25Config bm25;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "rag_retriever",
                .flags = "--spec-rag-retriever",
                .choices = {"auto", "hybrid", "dense", "bm25"},
                .help = "dense: passages near the question in meaning; bm25: those that share its words, without an "
                        "embedder; hybrid: both rankings fused; auto: hybrid, for one of several drafters bm25"},
          self.kind);
    visit(Field{.name = "rag_chunk_tokens",
                .flags = "--spec-rag-chunk-tokens",
                .minimum = 1,
                .maximum = 1 << 20,
                .unit = "tokens",
                .help = "most of a passage, in the model's tokens"},
          self.chunk_tokens);
    visit(Field{.name = "rag_budget",
                .flags = "--spec-rag-budget",
                .unit = "N|auto|paper",
                .help = "most tokens of all passages together; paper: 4096 or a 24th of the documents, whichever is "
                        "more; auto: as much as keeps a draft pass cheap"},
          self.budget);
    visit(Field{.name = "rag_query",
                .flags = "--spec-rag-query",
                .help = "what passages are looked for; empty: the question"},
          self.query);
    visit(Field{.name = "rag_threshold",
                .flags = "--spec-rag-threshold",
                .minimum = 0,
                .maximum = 1,
                .help = "least cosine of a passage to the question, whatever the retriever; 0: any"},
          self.threshold);
    visit(Field{.name = "rag_embedder",
                .flags = "--spec-rag-embedder",
                .unit = "PATH",
                .help = "folder of a BERT encoder for sentences"},
          self.embedder);
    visit(Field{.name = "rag_index",
                .flags = "--spec-rag-index",
                .choices = {"flat", "hnsw", "ivf"},
                .help = "search among vectors: all of them, or a graph or clusters, which may miss some"},
          self.index);
    visit(Field{.name = "rag_cache",
                .flags = "--spec-rag-cache",
                .unit = "PATH",
                .help = "folder where passages and vectors of documents are kept; default: longshot in the user's "
                        "cache folder; off: nowhere"},
          self.cache);
    visit(
        Field{.name = "rag_fusion_constant",
              .flags = "--spec-rag-fusion-constant",
              .minimum = 0,
              .maximum = 1e6,
              .help = "of hybrid's sum of 1 / (constant + rank): the smaller, the more the top of each ranking counts"},
        self.fusion_constant);
    Bm25Config::VisitFields(self.bm25, visit);
  }
};

/// The budget that `config` means, in tokens, at least 1. "auto": text of which a draft pass reads at most an eighth as
/// many bytes as of weights, and at most a quarter of the prompt's; 2048 where the model is unknown. "paper":
/// `PaperBudget`. Errors: kUsage for what is neither.
int64_t BudgetTokens(const RetrievalConfig& config, const BudgetInputs& inputs);

}  // namespace longshot
