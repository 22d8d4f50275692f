#include "runtime/cache/prompt_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/line_vector.h"
#include "core/side_threads.h"

namespace longshot {

PromptCache::PromptCache(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat info {};
  if (fd_ < 0 || ::fstat(fd_, &info) != 0) Throw(ErrorCode::kIo, "cannot open it: {}", std::strerror(errno));
  try {
    if (!S_ISREG(info.st_mode)) Throw(ErrorCode::kIo, "it is not a regular file");
    file_bytes_ = static_cast<uint64_t>(info.st_size);
    std::vector<std::byte> head(std::min(kCachePrologueBytes, file_bytes_));
    ReadAt(0, head);
    head.resize(CacheHeaderBytes(head, file_bytes_));
    ReadAt(0, head);
    header_ = ParseCacheHeader(head, file_bytes_);
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

PromptCache::~PromptCache() { ::close(fd_); }

void PromptCache::ReadAt(uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Throw(ErrorCode::kIo, "cannot read it: {}", std::strerror(errno));
    if (n == 0) Throw(ErrorCode::kFormat, "it ends at byte {}, expected were {} more: truncated", offset, bytes.size());
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
}

void PromptCache::RequireIdentity(const CacheIdentity& run) const {
  const std::string difference = IdentityDifference(header_.identity, run);
  if (!difference.empty()) Throw(ErrorCode::kFormat, "{}", difference);
}

int64_t PromptCache::CommonRows(std::span<const Token> tokens) const {
  const auto [mine, theirs] = std::mismatch(header_.tokens.begin(), header_.tokens.end(), tokens.begin(), tokens.end());
  return mine - header_.tokens.begin();
}

void PromptCache::Restore(KvStore& store, SequenceId sequence, int64_t rows, int threads) const {
  const auto file_rows = static_cast<int64_t>(header_.tokens.size());
  const KvGeometry& geometry = store.geometry(sequence);
  CHECK(rows >= 0 && rows <= file_rows && rows <= geometry.capacity, "{} rows of {}", rows, file_rows);
  const auto image_bytes = static_cast<uint64_t>(store.ImageBytes(sequence, file_rows));
  if (header_.layers != static_cast<uint64_t>(geometry.layers) || header_.image_bytes != image_bytes) {
    Throw(ErrorCode::kFormat, "it has {} layers of {} bytes, this model's rows are {} of {}", header_.layers,
          header_.image_bytes, geometry.layers, image_bytes);
  }
  std::atomic<int> next{0};
  RunOnThreads(std::min({threads, geometry.layers, kMostRestoreThreads}), [&] {
    LineVector<std::byte> section;
    for (int layer; (layer = next.fetch_add(1)) < geometry.layers;) {
      section.resize(header_.section_bytes());
      ReadAt(header_.SectionOffset(layer), section);
      if (!IsSealed(section, layer)) {
        Throw(ErrorCode::kFormat, "the checksum of layer {} does not match: damaged", layer);
      }
      store.LoadLayer(sequence, layer, rows, std::span(section).first(image_bytes), file_rows);
    }
  });
  store.CommitPrefill(sequence, rows);
}

CacheHeader DescribeRows(const KvStore& store, SequenceId sequence, std::span<const Token> tokens,
                         CacheIdentity identity) {
  CacheHeader header;
  header.identity = std::move(identity);
  header.tokens.assign(tokens.begin(), tokens.end());
  header.layers = static_cast<uint64_t>(store.geometry(sequence).layers);
  header.image_bytes = static_cast<uint64_t>(store.ImageBytes(sequence, std::ssize(tokens)));
  return header;
}

void WritePromptCache(AtomicFile& file, const CacheHeader& header, const KvStore& store, SequenceId sequence) {
  const std::string head = EncodeCacheHeader(header);
  file.Write(std::as_bytes(std::span(head)));
  std::vector<std::byte> section(header.section_bytes());
  const std::span<std::byte> image = std::span(section).first(header.image_bytes);
  for (uint64_t layer = 0; layer < header.layers; ++layer) {
    std::fill(section.begin(), section.end(), std::byte{0});
    store.SaveLayer(sequence, static_cast<int>(layer), std::ssize(header.tokens), image);
    SealSection(section, layer);
    file.Write(section);
  }
  file.Commit();
}

}  // namespace longshot
