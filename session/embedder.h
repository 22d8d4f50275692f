#pragma once

#include <memory>
#include <vector>

#include "kernels/kernels.h"
#include "retrieval/bert_encoder.h"
#include "retrieval/retriever.h"

namespace longshot {

/// The encoder of a retriever and what it runs on.
struct LoadedEmbedder {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<const BertEncoder> encoder;  ///< nullptr for a retriever that needs none
};

/// The encoder that `config` names, in f32, so that its vectors do not depend on how the model is held. `threads` as
/// `-t`. Errors: kIo when it is missing, with the cure; those of `BertEncoder`.
LoadedEmbedder LoadEmbedder(const RetrievalConfig& config, int64_t threads);

/// Cuts, embeds and indexes `documents` for the command line: with progress, stopped by Ctrl-C. `tokenizer` and
/// `embedder` must outlive the retriever. Errors: those of `Retriever`; `EmbedStopped`.
std::unique_ptr<const Retriever> IndexDocuments(std::vector<Document> documents, const RetrievalConfig& config,
                                                const Tokenizer& tokenizer, const LoadedEmbedder& embedder);

}  // namespace longshot
