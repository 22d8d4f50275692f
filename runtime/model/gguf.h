#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace longshot {

/// Types of metadata values, with GGUF's numbers.
enum class GgufType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};
std::string_view Name(GgufType type);

/// One metadata entry; views into the file.
struct GgufEntry {
  std::string_view key;
  GgufType type = GgufType::kU8;
  GgufType element_type = GgufType::kU8;  ///< of an array
  uint64_t count = 1;                     ///< of an array
  std::span<const std::byte> payload;     ///< a string's characters; else the stored value or elements
};

/// One tensor of the directory. Sizes of types this build does not read are unknown: `bytes` is empty.
struct GgufTensor {
  std::string_view name;
  uint32_t type = 0;           ///< ggml's number
  std::vector<int64_t> shape;  ///< outermost first, 1 to 4 dimensions, none zero
  uint64_t offset = 0;         ///< in the data section
  std::span<const std::byte> bytes;
};

/// A GGUF v2 or v3 file, checked. Views into the bytes it was made from, which must outlive it.
///
/// The file is untrusted: every count, length, product and offset is checked against the bytes that are there
/// before it is used, and memory grows only with entries that were really read.
class GgufFile {
 public:
  /// Errors: kFormat (malformed; says what and where), kUnsupported (version, byte order, a split file).
  explicit GgufFile(std::span<const std::byte> file);

  uint32_t version() const { return version_; }
  std::span<const GgufEntry> entries() const { return entries_; }
  std::span<const GgufTensor> tensors() const { return tensors_; }
  /// nullptr when absent.
  const GgufEntry* Find(std::string_view key) const;

  /// Typed metadata; empty when absent. A stored type that differs is an error: any integer type will do for
  /// `Integer`, f32 or f64 for `Float`, nothing else is converted.
  /// Errors: kFormat naming the key, the expected and the stored type.
  std::optional<int64_t> Integer(std::string_view key) const;
  std::optional<double> Float(std::string_view key) const;
  std::optional<bool> Bool(std::string_view key) const;
  std::optional<std::string_view> String(std::string_view key) const;
  std::optional<std::vector<std::string_view>> Strings(std::string_view key) const;
  std::optional<std::vector<float>> Floats(std::string_view key) const;  ///< an array of f32 only
  std::optional<std::vector<int32_t>> Ints(std::string_view key) const;  ///< an array of i32 only

 private:
  const GgufEntry* FindArray(std::string_view key, GgufType element_type) const;

  uint32_t version_ = 0;
  std::vector<GgufEntry> entries_;
  std::vector<uint32_t> by_key_;  ///< indices of entries_, ordered by key
  std::vector<GgufTensor> tensors_;
};

/// An entry's value as one short printable line; arrays show their first elements.
std::string Describe(const GgufEntry& entry);

}  // namespace longshot
