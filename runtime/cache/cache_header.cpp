#include "runtime/cache/cache_header.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

#include "core/error.h"
#include "core/fast_hash.h"
#include "core/planted_bug.h"
#include "core/printable.h"
#include "runtime/model/byte_reader.h"

namespace longshot {
namespace {

constexpr std::string_view kMagic = "LONGKV\r\n";
constexpr uint64_t kVersion = 1;
constexpr uint64_t kMostProperties = 64;
constexpr size_t kShownValue = 120;  ///< characters of a property in an error

uint64_t WholePages(uint64_t bytes) { return (bytes + kCachePageBytes - 1) / kCachePageBytes * kCachePageBytes; }

void Append(std::string& out, uint64_t value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); }

void Append(std::string& out, std::string_view text) {
  Append(out, uint64_t{text.size()});
  out += text;
}

std::string ReadText(ByteReader& reader, const char* what) {
  return std::string(AsText(reader.Take(reader.Read<uint64_t>(what), what)));
}

CacheIdentity ReadIdentity(ByteReader& reader) {
  CacheIdentity identity;
  const auto count = reader.Read<uint64_t>("number of properties");
  if (count > kMostProperties) {
    Throw(ErrorCode::kFormat, "it claims {} properties, possible are {}: damaged", count, kMostProperties);
  }
  for (uint64_t i = 0; i < count; ++i) {
    std::string name = ReadText(reader, "name of a property");
    identity.emplace_back(std::move(name), ReadText(reader, "value of a property"));
  }
  return identity;
}

std::vector<Token> ReadTokens(ByteReader& reader, uint64_t rows) {
  if (rows > reader.remaining() / sizeof(Token)) {
    Throw(ErrorCode::kFormat, "it claims {} tokens, but its header has room for {}: damaged", rows,
          reader.remaining() / sizeof(Token));
  }
  const auto bytes = reader.Take(rows * sizeof(Token), "tokens");
  std::vector<Token> tokens(rows);
  if (rows > 0) std::memcpy(tokens.data(), bytes.data(), bytes.size());
  return tokens;
}

/// The sections must fill the file to its last byte: compared by division, since a product may wrap.
void RequireSize(const CacheHeader& header, uint64_t file_bytes) {
  const uint64_t begin = header.header_bytes();
  const uint64_t available = file_bytes < begin ? 0 : file_bytes - begin;
  const bool fits = header.image_bytes <= available && header.layers > 0 && available % header.layers == 0 &&
                    header.section_bytes() == available / header.layers;
  if (Planted(PlantedBug::kCacheSize) || fits) return;
  Throw(ErrorCode::kFormat, "{} layers of {} bytes do not make a file of {} bytes: truncated or damaged", header.layers,
        header.image_bytes, file_bytes);
}

}  // namespace

uint64_t CacheHeader::header_bytes() const {
  uint64_t bytes = kCachePrologueBytes + 4 * sizeof(uint64_t) + tokens.size() * sizeof(Token);
  for (const auto& [name, value] : identity) bytes += 2 * sizeof(uint64_t) + name.size() + value.size();
  return WholePages(bytes);
}

uint64_t CacheHeader::section_bytes() const { return WholePages(image_bytes + sizeof(uint64_t)); }

uint64_t CacheHeader::SectionOffset(uint64_t layer) const { return header_bytes() + layer * section_bytes(); }

std::string EncodeCacheHeader(const CacheHeader& header) {
  std::string body;
  for (const uint64_t number : {uint64_t{header.tokens.size()}, header.layers, header.image_bytes}) {
    Append(body, number);
  }
  Append(body, uint64_t{header.identity.size()});
  for (const auto& [name, value] : header.identity) {
    Append(body, name);
    Append(body, value);
  }
  body.append(reinterpret_cast<const char*>(header.tokens.data()), header.tokens.size() * sizeof(Token));
  body.resize(header.header_bytes() - kCachePrologueBytes);

  std::string head(kMagic);
  Append(head, kVersion);
  Append(head, kCachePrologueBytes + body.size());
  Append(head, FastHash(std::as_bytes(std::span(body))));
  return head + body;
}

uint64_t CacheHeaderBytes(std::span<const std::byte> prologue, uint64_t file_bytes) {
  ByteReader reader(prologue);
  if (prologue.size() < kMagic.size() || AsText(reader.Take(kMagic.size(), "magic")) != kMagic) {
    Throw(ErrorCode::kFormat, "it is no prompt cache of Longshot");
  }
  const auto version = reader.Read<uint64_t>("version");
  if (version != kVersion) {
    Throw(ErrorCode::kFormat, "it has version {}, this build reads version {}", version, kVersion);
  }
  const auto bytes = reader.Read<uint64_t>("header size");
  const uint64_t most = std::min(file_bytes, kMostCacheHeaderBytes);
  if (bytes < kCachePrologueBytes || bytes > most) {
    Throw(ErrorCode::kFormat, "its header claims {} bytes, possible are {} to {}: truncated or damaged", bytes,
          kCachePrologueBytes, most);
  }
  return bytes;
}

CacheHeader ParseCacheHeader(std::span<const std::byte> head, uint64_t file_bytes) {
  const uint64_t bytes = CacheHeaderBytes(head, file_bytes);
  if (head.size() != bytes) Throw(ErrorCode::kFormat, "its header has {} bytes of {}: truncated", head.size(), bytes);
  ByteReader reader(head);
  reader.Take(kCachePrologueBytes - sizeof(uint64_t), "prologue");
  const auto expected = reader.Read<uint64_t>("checksum");
  if (FastHash(head.subspan(kCachePrologueBytes)) != expected) {
    Throw(ErrorCode::kFormat, "the checksum of its header does not match: damaged");
  }
  CacheHeader header;
  const auto rows = reader.Read<uint64_t>("number of rows");
  header.layers = reader.Read<uint64_t>("number of layers");
  header.image_bytes = reader.Read<uint64_t>("bytes of a layer");
  header.identity = ReadIdentity(reader);
  header.tokens = ReadTokens(reader, rows);
  if (header.header_bytes() != bytes) {
    Throw(ErrorCode::kFormat, "its header has {} bytes, its content {}: damaged", bytes, header.header_bytes());
  }
  RequireSize(header, file_bytes);
  return header;
}

void SealSection(std::span<std::byte> section, uint64_t layer) {
  const uint64_t hash = FastHash(section.first(section.size() - sizeof hash), layer);
  std::memcpy(&section[section.size() - sizeof hash], &hash, sizeof hash);
}

bool IsSealed(std::span<const std::byte> section, uint64_t layer) {
  uint64_t hash;
  std::memcpy(&hash, &section[section.size() - sizeof hash], sizeof hash);
  return FastHash(section.first(section.size() - sizeof hash), layer) == hash;
}

std::string IdentityDifference(const CacheIdentity& file, const CacheIdentity& run) {
  for (size_t i = 0; i < run.size(); ++i) {
    const auto& [name, value] = run[i];
    const bool has = i < file.size() && file[i].first == name;
    if (has && file[i].second == value) continue;
    if (!has) return fmt::format("it does not say its {}", name);
    return fmt::format("its {} is {}, this run's is {}", name, Printable(file[i].second, kShownValue), value);
  }
  return file.size() > run.size() ? "it has properties that this build does not know" : "";
}

bool IsPromptCache(const std::string& path) {
  std::string head(kMagic.size(), '\0');
  std::ifstream in(path, std::ios::binary);
  return in.read(head.data(), static_cast<std::streamsize>(head.size())) && head == kMagic;
}

}  // namespace longshot
