#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "retrieval/chunker.h"
#include "retrieval/document.h"
#include "retrieval/embedder.h"

namespace longshot {

/// A chunk's place in a set of documents.
struct ChunkPlace {
  int32_t document = 0;  ///< index into the documents
  TextSpan span;
};

/// What retrieval computes of a set of documents before the first question.
struct ChunkedDocuments {
  std::vector<ChunkPlace> chunks;  ///< in the order of the documents, none empty, none overlapping
  Embeddings embeddings;           ///< of the chunks; without an embedder it has no windows and no dims
};

/// All that `ChunkedDocuments` depend on besides the texts.
struct ChunkingIdentity {
  int64_t chunk_tokens = 0;
  std::string tokenizer = {};  ///< tells token counters apart
  std::string embedder = {};   ///< `Embedder::identity`; empty: none
  int64_t dims = 0;            ///< of the vectors; 0: no embedder
};

/// SHA-256 of the texts and the identity: paths do not count.
std::string ChunkingKey(std::span<const Document> documents, const ChunkingIdentity& identity);

/// Chunks and vectors of document sets in a folder, one file each, named by its key. A file, little-endian:
///
///   prologue  "LONGVEC\n", u64 version, u64 bytes of the file, u64 FastHash of all behind the prologue
///   header    64 characters of the key; u64 documents, u64 chunks, u64 windows, u64 dims
///   chunks    each i64 document, offset, length, tokens
///   vectors   windows x dims x f32, row-major, then windows x i32: the chunk of each
///
/// Nothing that a file claims is believed: sizes are those that the texts allow and add up to the file's, before any is
/// used; chunks lie inside their documents; vectors are finite and no longer than 1. The hashes tell damage and a
/// foreign file, no forger: a forged file can make retrieval pick other chunks, never read out of place.
class IndexCache {
 public:
  /// `folder` is made when the first file is written.
  explicit IndexCache(std::string folder) : folder_(std::move(folder)) {}

  /// The file of this name is read, checked and used, or refused; nullopt when there is none.
  /// Errors: kIo when it cannot be read, kFormat saying what is wrong with it.
  std::optional<ChunkedDocuments> Load(std::span<const Document> documents, const ChunkingIdentity& identity) const;

  /// Writes the file whole or not at all. Errors: kIo naming the path and the reason.
  void Store(std::span<const Document> documents, const ChunkingIdentity& identity,
             const ChunkedDocuments& content) const;

 private:
  std::string folder_;
};

/// `$XDG_CACHE_HOME/longshot`, or `~/.cache/longshot` where that is unset or relative, as the XDG base directory
/// specification asks; empty where there is no home either. The arguments are the values of the variables, nullptr
/// where unset.
std::string UserCacheFolder(const char* xdg_cache_home, const char* home);

}  // namespace longshot
