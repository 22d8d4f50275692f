#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "retrieval/retriever.h"
#include "session/embedder.h"
#include "session/generate_options.h"
#include "session/prompt.h"
#include "runtime/model/model_config.h"

namespace longshot {

/// The prompt that `rag` drafts from: the target's with the passages found for its question in place of its documents.
struct DraftText {
  std::vector<Token> prompt;  ///< empty: nobody drafts from one
  std::vector<Document> documents;
  Retrieved found;
  int64_t budget = 0;
  Retriever::Times times;
  double ms = 0;  ///< of all of it, loading the embedder aside

  /// Chunks by path, offset, length and score; times.
  nlohmann::json ToJson() const;
};

/// Errors: kUsage when there is nothing to find passages in.
void RequireDocuments(const AskedPrompt& asked);

/// Finds draft texts for one drafter's settings; keeps the index of the documents that it was asked about last.
class DraftRetrieval {
 public:
  /// Opens the embedder, if one is needed. `tokenizer` must outlive it. Errors: those of `LoadEmbedder`.
  DraftRetrieval(const RetrievalConfig& config, int64_t threads, const Tokenizer& tokenizer);
  /// Shows the progress of long work. Errors: kUsage without documents; those of `Retriever` and `EncodePrompt`;
  /// `EmbedStopped` after Ctrl-C.
  DraftText Find(const AskedPrompt& asked, PromptOptions& frame, const BudgetInputs& inputs);

 private:
  RetrievalConfig config_;
  const Tokenizer& tokenizer_;
  LoadedEmbedder embedder_;
  std::string indexed_;  ///< hash of the documents that `retriever_` knows
  std::unique_ptr<const Retriever> retriever_;
};

/// The prompt of a target that reads passages instead of its documents (`--context retrieved`): those that fit beside
/// the answer. Told in a line. Errors: those of `DraftRetrieval`; kCapacity when there is no room for passages.
DraftText FindContext(GenerateOptions& options, const AskedPrompt& asked, const Tokenizer& tokenizer,
                      const ModelConfig& model);

/// Whether a drafter reads such a text: `rag`, by itself or in a list. `auto` takes it no time that a text costs.
bool ReadsDraftText(const DrafterConfig& config);

/// The draft text of one answer, told in a line; empty where the drafter reads none. Errors: those of `DraftRetrieval`.
DraftText FindDraftText(GenerateOptions& options, const AskedPrompt& asked, const Tokenizer& tokenizer,
                        const BudgetInputs& inputs);

/// What a budget is worked out from, of a model that drafts. Errors: none.
BudgetInputs BudgetInputsOf(const ModelFile& file, const RuntimeOptions& runtime, int64_t prompt_tokens);

}  // namespace longshot
