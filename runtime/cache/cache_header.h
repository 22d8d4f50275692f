#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/types.h"

/// The format of a prompt-cache file, little-endian:
///
///   prologue  "LONGKV\r\n", u64 version, u64 header bytes (prologue included), u64 FastHash of the header behind it
///   header    u64 rows, u64 layers, u64 bytes of a layer's image; u64 count of properties, each a name and a value of
///             u64 length and bytes; rows x i32 tokens; zeros to the end of the page
///   sections  one a layer, whole pages: the image (`Backend::SaveKv`), zeros, u64 FastHash of all before it
///
/// The hashes tell damage, they are no proof against a forger: a forged file can give wrong rows and so a wrong text,
/// never a read or write outside its sizes.
namespace longshot {

/// What stored rows depend on besides their tokens: names and values, to be read by people too.
using CacheIdentity = std::vector<std::pair<std::string, std::string>>;

inline constexpr uint64_t kCachePrologueBytes = 32;
inline constexpr uint64_t kCachePageBytes = 4096;
/// A header beyond this is refused unread: tokens of a context of 16 million fit.
inline constexpr uint64_t kMostCacheHeaderBytes = uint64_t{64} << 20;

struct CacheHeader {
  CacheIdentity identity;
  std::vector<Token> tokens;  ///< one a row
  uint64_t layers = 0;
  uint64_t image_bytes = 0;  ///< of one layer

  /// The sizes below are those of the file that `Parse` accepted or `Encode` makes.
  uint64_t header_bytes() const;
  uint64_t section_bytes() const;  ///< image, zeros and hash
  uint64_t SectionOffset(uint64_t layer) const;
  uint64_t file_bytes() const { return SectionOffset(layers); }
};

/// Prologue and header.
std::string EncodeCacheHeader(const CacheHeader& header);

/// Bytes of prologue and header of a file of `file_bytes`, from its prologue.
/// Errors: kFormat when it is no prompt cache, of another version, or claims more than there is.
uint64_t CacheHeaderBytes(std::span<const std::byte> prologue, uint64_t file_bytes);

/// `head`: the prologue and the header, `CacheHeaderBytes` long. ENSURES: every section lies inside the file.
/// Errors: kFormat saying what is damaged.
CacheHeader ParseCacheHeader(std::span<const std::byte> head, uint64_t file_bytes);

/// Writes the hash of a layer's section into its last bytes.
void SealSection(std::span<std::byte> section, uint64_t layer);
/// Whether the section is the one that was sealed for `layer`. REQUIRES: `section_bytes` of them.
bool IsSealed(std::span<const std::byte> section, uint64_t layer);

/// The first property in which a file's identity differs from this run's, as a reason for people; empty: none.
std::string IdentityDifference(const CacheIdentity& file, const CacheIdentity& run);

/// Whether the file begins as a prompt cache does. Errors: none; false for one that cannot be read.
bool IsPromptCache(const std::string& path);

}  // namespace longshot
