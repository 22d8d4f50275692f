#include "session/draft_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/sha256.h"
#include "core/stopwatch.h"
#include "session/interrupt.h"
#include "session/output.h"
#include "session/progress.h"
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

}  // namespace

nlohmann::json DraftText::ToJson() const {
  nlohmann::json chunks = nlohmann::json::array();
  for (const RetrievedChunk& chunk : found.chunks) {
    chunks.push_back({{"path", documents[static_cast<size_t>(chunk.document)].path},
                      {"offset", chunk.span.offset},
                      {"length", chunk.span.length},
                      {"score", chunk.score}});
  }
  return {{"budget_tokens", budget},          {"tokens", found.tokens},
          {"prompt_tokens", prompt.size()},   {"below_threshold", found.below_threshold},
          {"over_budget", found.over_budget}, {"chunks", chunks},
          {"cached", times.cached},           {"chunk_ms", times.chunk_ms},
          {"embed_ms", times.embed_ms},       {"ms", ms}};
}

void RequireDocuments(const AskedPrompt& asked) {
  if (!asked.documents.empty()) return;
  Throw(ErrorCode::kUsage,
        "--spec-type rag and --context retrieved look for passages of documents: give them with --doc");
}

DraftRetrieval::DraftRetrieval(const RetrievalConfig& config, int64_t threads, const Tokenizer& tokenizer)
    : config_(config), tokenizer_(tokenizer) {
  BudgetTokens(config, {});  // refuses what is none before the embedder is read
  embedder_ = LoadEmbedder(config, threads);
}

DraftText DraftRetrieval::Find(const AskedPrompt& asked, PromptOptions& frame, const BudgetInputs& inputs) {
  RequireDocuments(asked);
  DraftText text;
  text.budget = BudgetTokens(config_, inputs);
  Stopwatch watch;
  if (std::string hash = HashOf(asked.documents); retriever_ == nullptr || hash != indexed_) {
    Progress progress("embedding", "passages");
    const RetrieverParts parts{.measure = MeasureWith(tokenizer_),
                               .embedder = embedder_.encoder.get(),
                               .progress =
                                   [&](int64_t done, int64_t total) {
                                     progress.Show(done, total);
                                     return !Interrupted();
                                   },
                               .tell = Note};
    retriever_ = std::make_unique<Retriever>(asked.documents, config_, parts);
    indexed_ = std::move(hash);
    progress.Finish();
    text.times = retriever_->times();
  }
  text.found = retriever_->Retrieve(config_.query.empty() ? asked.question : config_.query, text.budget);
  text.prompt = EncodePrompt(tokenizer_, frame, JoinChunks(retriever_->documents(), text.found.chunks), asked.question);
  text.documents.assign(asked.documents.begin(), asked.documents.end());
  for (Document& document : text.documents) document.text.clear();  // names are told, texts are not
  text.ms = watch.LapMs();
  return text;
}

DraftText FindDraftText(GenerateOptions& options, const AskedPrompt& asked, const Tokenizer& tokenizer,
                        const BudgetInputs& inputs) {
  if (!ReadsDraftText(options.drafter)) return {};
  DraftRetrieval retrieval(options.drafter.retrieval, options.runtime.threads, tokenizer);
  DraftText text = retrieval.Find(asked, options.prompt, inputs);
  Note(fmt::format("retrieval: {} passages, {} of {} tokens, in {:.0f} ms", text.found.chunks.size(), text.found.tokens,
                   text.budget, text.ms));
  return text;
}

DraftText FindContext(GenerateOptions& options, const AskedPrompt& asked, const Tokenizer& tokenizer,
                      const ModelConfig& model) {
  constexpr int64_t kUsualAnswer = 512, kFrame = 256;  // chat format; the question is counted
  const int64_t answer = options.answer.n_predict < 0 ? kUsualAnswer : options.answer.n_predict;
  const int64_t context = options.answer.ctx_size > 0 ? options.answer.ctx_size : UsableContext(model);
  const int64_t room = context - answer - kFrame - std::ssize(tokenizer.Encode(asked.question));
  if (room < 1) {
    Throw(ErrorCode::kCapacity,
          "--context retrieved: a context of {} has no room for passages beside {} tokens of "
          "answer; lower -n or raise -c",
          context, answer);
  }
  RetrievalConfig config = options.drafter.retrieval;
  const int64_t budget = config.budget == "auto" ? room : std::min(room, BudgetTokens(config, {.prompt_tokens = room}));
  config.budget = std::to_string(budget);
  DraftRetrieval retrieval(config, options.runtime.threads, tokenizer);
  DraftText text = retrieval.Find(asked, options.prompt, {});
  Note(fmt::format("context: {} retrieved passages of {} tokens instead of the documents, which is another context",
                   text.found.chunks.size(), text.found.tokens));
  return text;
}

bool ReadsDraftText(const DrafterConfig& config) {
  return config.type != "auto" && DrafterChoice(config.type).Has("rag");
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
