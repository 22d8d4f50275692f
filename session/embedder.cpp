#include "session/embedder.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/printable.h"
#include "kernels/backends.h"
#include "session/interrupt.h"
#include "session/output.h"
#include "session/processors.h"
#include "session/progress.h"

namespace longshot {

LoadedEmbedder LoadEmbedder(const RetrievalConfig& config, int64_t threads) {
  LoadedEmbedder loaded;
  if (config.kind == "bm25") return loaded;
  if (!std::filesystem::exists(config.embedder)) {
    constexpr size_t kShownPath = 300;
    Throw(ErrorCode::kIo, "no embedder at {}; {}, or choose --spec-rag-retriever bm25",
          Printable(config.embedder, kShownPath),
          config.embedder == kDefaultEmbedder ? "fetch the default one with `make embedder`"
                                              : "--spec-rag-embedder takes the folder of a BERT encoder");
  }
  const int most = UsableProcessors().count;
  loaded.backend = MakeCpuBackend({.threads = threads == 0 ? most : std::min(most, static_cast<int>(threads))});
  loaded.encoder = std::make_unique<BertEncoder>(config.embedder, loaded.backend.get());
  return loaded;
}

std::unique_ptr<const Retriever> IndexDocuments(std::vector<Document> documents, const RetrievalConfig& config,
                                                const Tokenizer& tokenizer, const LoadedEmbedder& embedder) {
  Progress progress("embedding", "passages");
  const RetrieverParts parts{.measure = MeasureWith(tokenizer),
                             .embedder = embedder.encoder.get(),
                             .progress =
                                 [&](int64_t done, int64_t total) {
                                   progress.Show(done, total);
                                   return !Interrupted();
                                 },
                             .tell = Note};
  auto retriever = std::make_unique<const Retriever>(std::move(documents), config, parts);
  progress.Finish();
  return retriever;
}

}  // namespace longshot
