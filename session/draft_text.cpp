#include "session/draft_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/printable.h"
#include "core/sha256.h"
#include "core/stopwatch.h"
#include "runtime/cache/cache_header.h"
#include "session/output.h"
#include "session/prompt.h"
#include "session/session.h"

namespace longshot {
namespace {

std::string HashOf(std::span<const Document> documents) {
  Sha256 hash;
  for (const Document& document : documents) {
    const int64_t size = std::ssize(document.text);
    hash.Update(std::as_bytes(std::span(&size, 1)));
    hash.Update(std::as_bytes(std::span(document.text)));
  }
  return hash.HexDigest();
}

int64_t FrameTokens(const Tokenizer& tokenizer, PromptOptions& frame, const AskedPrompt& asked) {
  constexpr int64_t kDocumentFrame = 64;  // what the chat format puts around a document
  return std::ssize(EncodePrompt(tokenizer, frame, {}, asked.question)) + kDocumentFrame;
}

}  // namespace

nlohmann::json DraftText::ToJson() const {
  nlohmann::json chunks = nlohmann::json::array();
  for (const RetrievedChunk& chunk : found.chunks) {
    chunks.push_back({{"path", paths[static_cast<size_t>(chunk.document)]},
                      {"offset", chunk.span.offset},
                      {"length", chunk.span.length},
                      {"score", chunk.score}});
  }
  return {{"budget_tokens", budget},          {"tokens", found.tokens},
          {"prompt_tokens", prompt.size()},   {"below_threshold", found.below_threshold},
          {"over_budget", found.over_budget}, {"chunks", chunks},
          {"cached", times.cached},           {"chunk_ms", times.chunk_ms},
          {"embed_ms", times.embed_ms},       {"found_ms", ms},
          {"refreshed", refreshed},           {"ms", in_answer ? 0 : ms}};
}

void RequireDocuments(const AskedPrompt& asked) {
  if (!asked.documents.empty()) return;
  Throw(ErrorCode::kUsage,
        "--spec-type rag and --context retrieved look for passages of documents: give them with --doc");
}

DraftRetrieval::DraftRetrieval(const RetrievalConfig& config, int64_t threads, const Tokenizer& tokenizer)
    : config_(config), tokenizer_(tokenizer), embedder_(LoadEmbedder(config, threads)) {}

int64_t DraftRetrieval::MostTokens(const AskedPrompt& asked, PromptOptions& frame, int64_t budget) const {
  return FrameTokens(tokenizer_, frame, asked) + std::ssize(tokenizer_.Encode(asked.given)) +
         std::max(budget, config_.chunk_tokens);
}

void DraftRetrieval::Index(std::span<const Document> documents) {
  std::string hash = HashOf(documents);
  if (retriever_ != nullptr && hash == indexed_) return;
  retriever_ = IndexDocuments({documents.begin(), documents.end()}, config_, tokenizer_, embedder_);
  indexed_ = std::move(hash);
}

DraftText DraftRetrieval::Find(const AskedPrompt& asked, PromptOptions& frame, int64_t budget,
                               const std::string& query) {
  RequireDocuments(asked);
  DraftText text;
  text.budget = budget;
  Index(asked.documents);
  text.times = retriever_->times();
  Stopwatch watch;
  text.found = retriever_->Retrieve(query, budget);
  text.prompt = EncodePrompt(tokenizer_, frame, JoinChunks(retriever_->documents(), text.found.chunks), asked.question);
  const std::vector<Token> given = tokenizer_.Encode(asked.given);
  text.prompt.insert(text.prompt.end(), given.begin(), given.end());
  for (const Document& document : asked.documents) text.paths.push_back(document.path);
  text.ms = watch.LapMs() + text.times.total_ms();
  return text;
}

AnswerDraftText::AnswerDraftText(DraftRetrieval* retrieval, const DrafterConfig& config, const AskedPrompt& asked,
                                 PromptOptions& frame, const BudgetInputs& inputs)
    : retrieval_(retrieval), config_(config), asked_(asked), frame_(frame) {
  if (retrieval == nullptr || asked.documents.empty()) return;
  budget_ = BudgetTokens(config.retrieval, inputs);
  source_.most_tokens = retrieval->MostTokens(asked, frame, budget_);
  source_.find = [this](std::span<const Token> answer) { return Find(answer); };
}

DraftText AnswerDraftText::Look(std::span<const Token> answer) const {
  constexpr size_t kAnswerEnd = 64;  // tokens of it that say what it is about now
  std::string query = config_.retrieval.query.empty() ? asked_.question : config_.retrieval.query;
  if (!answer.empty()) {
    query += '\n';
    query += retrieval_->tokenizer().Decode(answer.last(std::min(answer.size(), kAnswerEnd)));
  }
  return retrieval_->Find(asked_, frame_, budget_, query);
}

void AnswerDraftText::FindBeforehand() {
  if (source() == nullptr || LooksInAnswer(config_)) return;
  text_ = Look({});
  Note(fmt::format("retrieval: {} passages, {} of {} tokens, in {:.0f} ms", text_.found.chunks.size(),
                   text_.found.tokens, text_.budget, text_.ms));
}

void AnswerDraftText::KeepRows(const std::string& path, ModelTarget& drafter) {
  if (path.empty() || source() == nullptr) return;
  if (std::filesystem::exists(path) && !IsPromptCache(path)) {
    Note(fmt::format("prompt cache: {} is no prompt cache: rows of the passages are not kept", Printable(path)));
    return;
  }
  source_.restore = [this, path, &drafter](SequenceId sequence, std::span<const Token> tokens) {
    kept_tokens_.assign(tokens.begin(), tokens.end());
    rows_.emplace(path, kept_tokens_, drafter, /*tells=*/false);
    rows_->Restore(sequence);
  };
  source_.keep = [this](SequenceId sequence, std::span<const Token>) { rows_->Keep(sequence); };
}

std::span<const Token> AnswerDraftText::Find(std::span<const Token> answer) {
  const bool known = !text_.prompt.empty();
  if (known && answer.empty()) return text_.prompt;
  DraftText text;
  try {
    text = Look(answer);
  } catch (const EmbedStopped&) {
    return {};  // Ctrl-C: the answer so far is told as one
  }
  // Texts are measured by themselves: joined they could in principle be longer.
  if (std::ssize(text.prompt) > source_.most_tokens) return known ? text_.prompt : std::span<const Token>();
  text.refreshed = known ? text_.refreshed + 1 : 0;
  text.in_answer = !known || text_.in_answer;
  if (known) text.ms = text_.ms;
  text_ = std::move(text);
  return text_.prompt;
}

DraftText FindContext(GenerateOptions& options, const AskedPrompt& asked, const Tokenizer& tokenizer,
                      const ModelConfig& model) {
  constexpr int64_t kUsualAnswer = 512;
  const int64_t answer = options.answer.n_predict < 0 ? kUsualAnswer : options.answer.n_predict;
  const int64_t context = options.answer.ctx_size > 0 ? options.answer.ctx_size : UsableContext(model);
  const int64_t room = context - answer - FrameTokens(tokenizer, options.prompt, asked);
  RetrievalConfig& config = options.drafter.retrieval;
  const bool named = config.budget != "auto" && config.budget != "paper";
  if (room < 1 && !named) {
    Throw(ErrorCode::kCapacity,
          "--context retrieved: a context of {} has no room for passages beside {} tokens of "
          "answer; lower -n or raise -c",
          context, answer);
  }
  int64_t budget = config.budget == "auto" ? room : BudgetTokens(config, {.prompt_tokens = std::max<int64_t>(room, 1)});
  if (!named) budget = std::min(room, budget);
  config.budget = std::to_string(budget);  // a report repeats it, whatever room there was
  DraftRetrieval retrieval(config, options.runtime.threads, tokenizer);
  DraftText text = retrieval.Find(asked, options.prompt, budget, config.query.empty() ? asked.question : config.query);
  if (std::ssize(text.prompt) >= context) {
    Throw(ErrorCode::kCapacity, "--spec-rag-budget {}: the passages have {} tokens, the context {}; lower it", budget,
          text.found.tokens, context);
  }
  Note(fmt::format("context: {} retrieved passages of {} tokens instead of the documents, which is another context",
                   text.found.chunks.size(), text.found.tokens));
  return text;
}

bool ReadsDraftText(const DrafterConfig& config) { return DrafterChoice(config.type).Has("rag"); }

bool NamesDraftText(const DrafterConfig& config) { return ReadsDraftText(config) && config.type != "auto"; }

bool LooksInAnswer(const DrafterConfig& config) {
  return DrafterChoice(config.type).chooses() && config.retrieval.kind == "auto" && config.retrieval.threshold == 0;
}

std::unique_ptr<DraftRetrieval> OpenRetrieval(const DrafterConfig& config, int64_t threads,
                                              const Tokenizer& tokenizer) {
  if (!ReadsDraftText(config)) return nullptr;
  BudgetTokens(config.retrieval, {});  // refuses what is none before the embedder is read
  RetrievalConfig retrieval = config.retrieval;
  if (LooksInAnswer(config)) {
    retrieval.kind = "bm25";
    if (retrieval.cache.empty()) retrieval.cache = "off";
  }
  return std::make_unique<DraftRetrieval>(retrieval, threads, tokenizer);
}

BudgetInputs BudgetInputsOf(const ModelFile& file, const RuntimeOptions& runtime, int64_t prompt_tokens) {
  const ModelConfig& config = file.config();
  const auto bytes = [](const std::string& type) { return type == "f32" ? int64_t{4} : type == "q8_0" ? 1 : 2; };
  BudgetInputs inputs{.prompt_tokens = prompt_tokens};
  for (const TensorInfo& tensor : file.tensors()) inputs.weight_bytes += std::ssize(tensor.bytes);
  inputs.kv_bytes_per_token = int64_t{config.layers} * config.kv_heads * config.head_dim *
                              (bytes(runtime.cache_type_k) + bytes(runtime.cache_type_v));
  return inputs;
}

}  // namespace longshot
