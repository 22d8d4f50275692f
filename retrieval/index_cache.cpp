#include "retrieval/index_cache.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <type_traits>
#include <utility>

#include "core/atomic_file.h"
#include "core/checked.h"
#include "core/error.h"
#include "core/fast_hash.h"
#include "core/mapped_file.h"
#include "core/sha256.h"

namespace longshot {
namespace {

static_assert(std::endian::native == std::endian::little);

namespace fs = std::filesystem;

/// To be raised whenever the format, or what the chunker makes of a text, changes.
constexpr uint64_t kVersion = 1;
constexpr std::string_view kMagic = "LONGVEC\n";
constexpr size_t kKeyBytes = 64;
constexpr int64_t kPrologueBytes = 32;
constexpr int64_t kHeaderBytes = kKeyBytes + 4 * 8;

/// A piece has at most a token a byte, and one before its first.
constexpr int64_t kMostTokensPerByte = 2;

/// Of a unit vector computed in single precision.
constexpr double kLongestSquared = 1.01;

struct Prologue {
  std::array<char, 8> magic;
  uint64_t version;
  int64_t file_bytes;
  uint64_t hash;
};

struct Header {
  std::array<char, kKeyBytes> key;
  int64_t documents, chunks, windows, dims;
};

struct StoredChunk {
  int64_t document, offset, length, tokens;
};

static_assert(sizeof(Prologue) == kPrologueBytes && sizeof(Header) == kHeaderBytes && sizeof(StoredChunk) == 32);

std::span<const std::byte> Bytes(const auto& value) { return std::as_bytes(std::span(&value, 1)); }

template <class T>
void Append(std::string& out, std::span<const T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

/// Takes values from the front of bytes that were found to be enough.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  void Read(std::span<T> out) {
    static_assert(std::is_trivially_copyable_v<T>);
    CHECK(out.size_bytes() <= rest_.size(), "{} bytes, {} wanted", rest_.size(), out.size_bytes());
    if (!out.empty()) std::memcpy(out.data(), rest_.data(), out.size_bytes());
    rest_ = rest_.subspan(out.size_bytes());
  }
  template <class T>
  T Read() {
    T value;
    Read(std::span(&value, 1));
    return value;
  }
  std::span<const std::byte> rest() const { return rest_; }

 private:
  std::span<const std::byte> rest_;
};

int64_t TextBytes(std::span<const Document> documents) {
  int64_t bytes = 0;
  for (const Document& document : documents) bytes += static_cast<int64_t>(document.text.size());
  return bytes;
}

int64_t FileBytes(int64_t chunks, int64_t windows, int64_t dims) {
  const int64_t vectors =
      CheckedProduct({windows, CheckedAdd(CheckedProduct({dims, 4}, "vectors"), 4, "vectors")}, "vectors");
  const int64_t places = CheckedProduct({chunks, sizeof(StoredChunk)}, "chunks");
  return CheckedAdd(CheckedAdd(kPrologueBytes + kHeaderBytes, places, "file"), vectors, "file");
}

/// The most that a file of these texts can have: a chunk, and a window, is at least a byte of text.
int64_t MostFileBytes(std::span<const Document> documents, int64_t dims) {
  const int64_t bytes = TextBytes(documents);
  return FileBytes(bytes, bytes, dims);
}

[[noreturn]] void Refuse(const std::string& path, std::string_view reason) {
  Throw(ErrorCode::kFormat, "{}: {}", path, reason);
}

/// Size and kind of the file, before a byte is read. False: there is none.
bool IsThere(const std::string& path, int64_t most_bytes) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    Throw(ErrorCode::kIo, "cannot open {}: {}", path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) Throw(ErrorCode::kIo, "cannot open {}: not a regular file", path);
  if (info.st_size < kPrologueBytes + kHeaderBytes) Refuse(path, "truncated");
  if (info.st_size > most_bytes) Refuse(path, "larger than an index of these documents can be");
  return true;
}

/// Header of a file whose sizes and hash are right.
Header ReadHeader(const std::string& path, std::span<const std::byte> file, std::string_view key,
                  std::span<const Document> documents, int64_t dims) {
  ByteReader reader(file);
  const auto prologue = reader.Read<Prologue>();
  if (std::string_view(prologue.magic.data(), prologue.magic.size()) != kMagic) Refuse(path, "no index of documents");
  if (prologue.version != kVersion) Refuse(path, "written by another version");
  if (prologue.file_bytes != static_cast<int64_t>(file.size())) Refuse(path, "truncated");
  if (prologue.hash != FastHash(reader.rest())) Refuse(path, "damaged: its checksum differs");
  const auto header = reader.Read<Header>();
  if (std::string_view(header.key.data(), header.key.size()) != key) Refuse(path, "of other documents or settings");
  const int64_t most = TextBytes(documents);
  const bool possible = header.documents == static_cast<int64_t>(documents.size()) && header.chunks > 0 &&
                        header.chunks <= most && header.windows >= 0 && header.windows <= most && header.dims == dims &&
                        (dims > 0 || header.windows == 0);
  if (!possible || FileBytes(header.chunks, header.windows, header.dims) != static_cast<int64_t>(file.size())) {
    Refuse(path, "damaged: its counts cannot be");
  }
  return header;
}

/// Errors: kFormat unless chunks lie in their documents, one behind the other.
std::vector<ChunkPlace> ReadChunks(const std::string& path, ByteReader& reader, int64_t count,
                                   std::span<const Document> documents) {
  std::vector<ChunkPlace> chunks;
  chunks.reserve(static_cast<size_t>(count));
  int64_t document = 0, end = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto stored = reader.Read<StoredChunk>();
    if (stored.document > document) document = stored.document, end = 0;
    const bool known = stored.document == document && document < static_cast<int64_t>(documents.size());
    const auto size = known ? static_cast<int64_t>(documents[static_cast<size_t>(document)].text.size()) : 0;
    if (!known || stored.offset < end || stored.offset > size || stored.length < 1 ||
        stored.length > size - stored.offset || stored.tokens < 0 ||
        stored.tokens > kMostTokensPerByte * stored.length) {
      Refuse(path, "damaged: a chunk lies outside its document");
    }
    end = stored.offset + stored.length;
    chunks.push_back({static_cast<int32_t>(document), {stored.offset, stored.length, stored.tokens}});
  }
  return chunks;
}

/// Errors: kFormat for a vector that is none, or windows that belong to no chunk.
Embeddings ReadEmbeddings(const std::string& path, ByteReader& reader, const Header& header) {
  Embeddings embeddings;
  embeddings.dims = header.dims;
  embeddings.vectors.resize(static_cast<size_t>(header.windows * header.dims));
  embeddings.text.resize(static_cast<size_t>(header.windows));
  reader.Read(std::span(embeddings.vectors));
  reader.Read(std::span(embeddings.text));
  for (int64_t window = 0; window < header.windows; ++window) {
    double squared = 0;
    for (int64_t i = 0; i < header.dims; ++i) {
      const double value = embeddings.vectors[static_cast<size_t>(window * header.dims + i)];
      squared += value * value;
    }
    if (!(squared <= kLongestSquared)) Refuse(path, "damaged: a vector is none");
  }
  const std::vector<int32_t>& text = embeddings.text;
  if (!std::is_sorted(text.begin(), text.end()) ||
      (!text.empty() && (text.front() < 0 || text.back() >= header.chunks))) {
    Refuse(path, "damaged: a vector belongs to no chunk");
  }
  return embeddings;
}

/// Makes the folder, only for this user, as its files tell of his documents. Errors: kIo.
void MakeFolder(const std::string& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return;
  fs::create_directories(folder, error);
  if (error) Throw(ErrorCode::kIo, "cannot make the folder {}: {}", folder, error.message());
  fs::permissions(folder, fs::perms::owner_all, error);
}

std::string PathOf(const std::string& folder, const std::string& key) {
  return (fs::path(folder) / (key + ".chunks")).string();
}

}  // namespace

std::string ChunkingKey(std::span<const Document> documents, const ChunkingIdentity& identity) {
  Sha256 hash;
  const auto add = [&](std::string_view text) {
    hash.Update(Bytes(text.size()));  // so that no two lists of texts give the same bytes
    hash.Update(std::as_bytes(std::span(text)));
  };
  hash.Update(Bytes(kVersion));
  hash.Update(Bytes(identity.chunk_tokens));
  hash.Update(Bytes(identity.dims));
  add(identity.tokenizer);
  add(identity.embedder);
  for (const Document& document : documents) add(document.text);
  return hash.HexDigest();
}

std::optional<ChunkedDocuments> IndexCache::Load(std::span<const Document> documents,
                                                 const ChunkingIdentity& identity) const {
  const std::string key = ChunkingKey(documents, identity), path = PathOf(folder_, key);
  if (!IsThere(path, MostFileBytes(documents, identity.dims))) return std::nullopt;
  // Read, not mapped: what is checked is what is used, and a file that shrinks meanwhile is an error, not a signal.
  const std::string content = ReadFile(path);
  const auto file = std::as_bytes(std::span(content));
  const Header header = ReadHeader(path, file, key, documents, identity.dims);
  ByteReader reader(file.subspan(kPrologueBytes + kHeaderBytes));
  ChunkedDocuments found;
  found.chunks = ReadChunks(path, reader, header.chunks, documents);
  found.embeddings = ReadEmbeddings(path, reader, header);
  return found;
}

void IndexCache::Store(std::span<const Document> documents, const ChunkingIdentity& identity,
                       const ChunkedDocuments& content) const {
  const Embeddings& embeddings = content.embeddings;
  const std::string key = ChunkingKey(documents, identity);
  Header header{.key = {},
                .documents = static_cast<int64_t>(documents.size()),
                .chunks = static_cast<int64_t>(content.chunks.size()),
                .windows = embeddings.windows(),
                .dims = identity.dims};
  std::copy(key.begin(), key.end(), header.key.begin());
  const int64_t file_bytes = FileBytes(header.chunks, header.windows, header.dims);
  std::string body;
  body.reserve(static_cast<size_t>(file_bytes - kPrologueBytes));
  Append(body, std::span<const Header>(&header, 1));
  for (const auto& [document, span] : content.chunks) {
    const StoredChunk stored{document, span.offset, span.length, span.tokens};
    Append(body, std::span<const StoredChunk>(&stored, 1));
  }
  Append(body, std::span<const float>(embeddings.vectors));
  Append(body, std::span<const int32_t>(embeddings.text));
  CHECK(static_cast<int64_t>(body.size()) == file_bytes - kPrologueBytes, "{} of {} bytes", body.size(), file_bytes);

  Prologue prologue{
      .magic = {}, .version = kVersion, .file_bytes = file_bytes, .hash = FastHash(std::as_bytes(std::span(body)))};
  std::copy(kMagic.begin(), kMagic.end(), prologue.magic.begin());
  MakeFolder(folder_);
  AtomicFile file(PathOf(folder_, key), file_bytes);
  file.Write(Bytes(prologue));
  file.Write(std::as_bytes(std::span(body)));
  file.Commit();
}

std::string UserCacheFolder(const char* xdg_cache_home, const char* home) {
  if (xdg_cache_home != nullptr && fs::path(xdg_cache_home).is_absolute()) {
    return (fs::path(xdg_cache_home) / "longshot").string();
  }
  if (home != nullptr && fs::path(home).is_absolute()) return (fs::path(home) / ".cache" / "longshot").string();
  return "";
}

}  // namespace longshot
