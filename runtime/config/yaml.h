#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/fields.h"

namespace longshot {

/// Where something stands in a file; lines and columns from 1, 0: nowhere.
struct YamlPlace {
  int line = 0, column = 0;
};

/// A value of a YAML file. Scalars are text: the field that takes one says what it means.
struct YamlValue {
  enum class Kind : uint8_t { kNothing, kScalar, kList, kBlock };
  struct Entry;

  Kind kind = Kind::kNothing;
  YamlPlace place = {};
  std::string text = {};             ///< of a scalar
  std::vector<YamlValue> list = {};  ///< of a list
  std::vector<Entry> block = {};     ///< of a block: keys differ

  /// The entry of a block; nullptr: there is none.
  const YamlValue* Find(std::string_view key) const;
  /// "a list", "'7'": for errors.
  std::string Shown() const;
};
struct YamlValue::Entry {
  std::string key;
  YamlPlace place;  ///< of the key
  YamlValue value;
};

/// A YAML file whose values know their places.
struct YamlFile {
  std::string path;
  YamlValue root;

  /// "suite.yaml:3:5: "
  std::string At(YamlPlace place) const;
};

/// Files and values above this are refused: no configuration of ours comes near.
inline constexpr size_t kMostYamlBytes = 256 << 10;
inline constexpr int64_t kMostYamlValues = 50'000;
inline constexpr int kMostYamlDepth = 32;

/// The one document of `text`. Errors: kConfig with line and column for malformed YAML, a key that stands twice in a
/// block, a key that is no plain text, anchors and aliases, more than one document, and what exceeds the limits.
YamlFile ParseYaml(std::string path, std::string_view text);
/// Errors: as above; kIo when the file cannot be read.
YamlFile ReadYaml(const std::string& path);

/// Sets the fields that a block names; others keep their values.
/// Errors: kConfig with line and column for an unknown key (names the nearest), kUsage for a value that its field does
/// not take.
void FromYaml(const YamlFile& file, const YamlValue& block, std::span<const BoundField> fields);
/// Sets one field. Errors: kUsage with line and column.
void SetFromYaml(const YamlFile& file, const YamlValue& value, const BoundField& bound);

/// Throws kConfig for a key that is none of `known`, naming the nearest.
[[noreturn]] void RejectKey(const YamlFile& file, const YamlValue::Entry& entry, std::span<const std::string> known);

}  // namespace longshot
