#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/atomic_file.h"
#include "core/types.h"
#include "runtime/cache/cache_header.h"
#include "runtime/kv/kv_store.h"

namespace longshot {

/// An open prompt-cache file whose header has been checked. Its rows were all computed as prompt rows, so each has the
/// bits that a cold run would give it. Read piece by piece into memory, never mapped: a file that shrinks or changes
/// meanwhile is an `Error`, and the bytes that are used are those whose checksum was verified.
class PromptCache {
 public:
  /// Layers that are held beside the cache while rows are restored, at most: more would not be read faster.
  static constexpr int kMostRestoreThreads = 4;

  /// Errors: kIo when it cannot be read, kFormat when it is foreign, truncated or damaged.
  explicit PromptCache(const std::string& path);
  ~PromptCache();
  PromptCache(const PromptCache&) = delete;
  PromptCache& operator=(const PromptCache&) = delete;

  const CacheHeader& header() const { return header_; }
  /// Errors: kFormat naming the first property in which the file differs from `run`.
  void RequireIdentity(const CacheIdentity& run) const;
  /// Rows that a prompt shares with the file: the longest common prefix of the tokens.
  int64_t CommonRows(std::span<const Token> tokens) const;
  /// Reads the first `rows` rows into an empty sequence and commits them. Errors: kFormat when the geometry is another
  /// or a checksum fails, kIo; then nothing is committed.
  /// REQUIRES: rows <= capacity and rows of the file, threads >= 1.
  void Restore(KvStore& store, SequenceId sequence, int64_t rows, int threads = 1) const;

 private:
  void ReadAt(uint64_t offset, std::span<std::byte> bytes) const;

  int fd_ = -1;
  uint64_t file_bytes_ = 0;
  CacheHeader header_;
};

/// The header of a cache of a sequence's first tokens.
CacheHeader DescribeRows(const KvStore& store, SequenceId sequence, std::span<const Token> tokens,
                         CacheIdentity identity);

/// Writes the cache that `header` describes and commits `file`. REQUIRES: the sequence has committed a row for each of
/// the header's tokens, computed as prompt rows. Errors: kIo.
void WritePromptCache(AtomicFile& file, const CacheHeader& header, const KvStore& store, SequenceId sequence);

}  // namespace longshot
