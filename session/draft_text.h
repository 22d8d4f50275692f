#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "retrieval/retriever.h"
#include "session/cached_prompt.h"
#include "session/embedder.h"
#include "session/generate_options.h"
#include "session/prompt.h"
#include "runtime/model/model_config.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// A prompt of passages in place of its documents.
struct DraftText {
  std::vector<Token> prompt;       ///< empty: nobody looked for passages
  std::vector<std::string> paths;  ///< of the documents
  Retrieved found;
  int64_t budget = 0;
  Retriever::Times times;  ///< of indexing its documents, whenever that was done
  double ms = 0;           ///< of indexing and finding it, loading the embedder aside
  bool in_answer = false;  ///< found when a drafter asked: its time is in the answer's phases
  int64_t refreshed = 0;   ///< how often it was replaced

  /// Chunks by path, offset, length and score; times.
  nlohmann::json ToJson() const;
};

/// Errors: kUsage when there is nothing to find passages in.
void RequireDocuments(const AskedPrompt& asked);

/// Finds passages by the settings of one retriever, whatever budget and query; keeps the index of the documents that it
/// was asked about last.
class DraftRetrieval {
 public:
  /// Opens the embedder, if one is needed. `tokenizer` must outlive it. Errors: those of `LoadEmbedder`.
  DraftRetrieval(const RetrievalConfig& config, int64_t threads, const Tokenizer& tokenizer);

  /// Tokens of the prompt that `Find` makes at most.
  int64_t MostTokens(const AskedPrompt& asked, PromptOptions& frame, int64_t budget) const;
  /// The prompt with passages for `query`, and the given beginning of the answer. Shows the progress of long work.
  /// Errors: kUsage without documents; those of `Retriever` and `EncodePrompt`; `EmbedStopped` after Ctrl-C.
  DraftText Find(const AskedPrompt& asked, PromptOptions& frame, int64_t budget, const std::string& query);

  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  void Index(std::span<const Document> documents);

  RetrievalConfig config_;
  const Tokenizer& tokenizer_;
  LoadedEmbedder embedder_;
  std::string indexed_;  ///< hash of the documents that `retriever_` knows
  std::unique_ptr<const Retriever> retriever_;
};

/// The text that drafters read beside one answer; without documents there is none.
class AnswerDraftText {
 public:
  /// `retrieval` may be nullptr: nobody drafts from a text. Arguments outlive the object.
  AnswerDraftText(DraftRetrieval* retrieval, const DrafterConfig& config, const AskedPrompt& asked,
                  PromptOptions& frame, const BudgetInputs& inputs);
  AnswerDraftText(const AnswerDraftText&) = delete;
  AnswerDraftText& operator=(const AnswerDraftText&) = delete;

  /// Finds it now, so that no answer waits for it, where that is what its settings ask for: `rag` by itself, or a named
  /// retriever. Errors: those of `DraftRetrieval::Find`.
  void FindBeforehand();
  /// There is no memory for its rows.
  void Drop() { source_ = {}, text_ = {}; }
  /// Takes rows of it from a file and keeps them there, as a prompt cache of `drafter`, which outlives the object.
  void KeepRows(const std::string& path, ModelTarget& drafter);

  /// nullptr: there is none.
  const DraftSource* source() const { return source_.most_tokens > 0 ? &source_ : nullptr; }
  int64_t most_tokens() const { return source_.most_tokens; }
  const DraftText& text() const { return text_; }

 private:
  std::span<const Token> Find(std::span<const Token> answer);
  DraftText Look(std::span<const Token> answer) const;

  DraftRetrieval* retrieval_;
  const DrafterConfig& config_;
  const AskedPrompt& asked_;
  PromptOptions& frame_;
  int64_t budget_ = 0;
  DraftSource source_;
  DraftText text_;
  std::vector<Token> kept_tokens_;  ///< of `rows_`
  std::optional<CachedPrompt> rows_;
};

/// The prompt of a target that reads passages instead of its documents (`--context retrieved`): those that fit beside
/// the answer. Told in a line. Stores the budget in `options`. Errors: those of `DraftRetrieval`; kCapacity when there
/// is no room for passages.
DraftText FindContext(GenerateOptions& options, const AskedPrompt& asked, const Tokenizer& tokenizer,
                      const ModelConfig& model);

/// Whether a drafter may read such a text: `rag`, by itself, in a list, or as an arm of `auto`.
bool ReadsDraftText(const DrafterConfig& config);

/// Whether `rag` was named, by itself or in a list: then there must be documents.
bool NamesDraftText(const DrafterConfig& config);

/// Whether the text of `config`'s drafters is looked for in the middle of an answer, by words alone and without a
/// cache: that of `rag` as one of several drafters, unless a retriever or a threshold is named.
bool LooksInAnswer(const DrafterConfig& config);

/// What finds texts for `config`; nullptr where nobody reads one. Errors: those of `DraftRetrieval`.
std::unique_ptr<DraftRetrieval> OpenRetrieval(const DrafterConfig& config, int64_t threads, const Tokenizer& tokenizer);

/// What a budget is worked out from, of the model that drafts, as its file holds it.
BudgetInputs BudgetInputsOf(const ModelFile& file, const RuntimeOptions& runtime, int64_t prompt_tokens);

}  // namespace longshot
