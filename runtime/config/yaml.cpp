#include "runtime/config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/printable.h"
#include "core/utf8.h"
#include "runtime/config/nearest.h"

namespace longshot {
namespace {

YamlPlace PlaceOf(const YAML::Mark& mark) {
  return mark.is_null() ? YamlPlace{} : YamlPlace{mark.line + 1, mark.column + 1};
}

/// Builds the value of one document from the parser's events.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const YamlFile& file) : file_(file) {}

  YamlValue Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Add({.place = PlaceOf(mark)}); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { RejectAnchors(mark); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { RejectAnchors(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string& text) override {
    Add({.kind = YamlValue::Kind::kScalar, .place = PlaceOf(mark), .text = text});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Open({.kind = YamlValue::Kind::kList, .place = PlaceOf(mark)});
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Open({.kind = YamlValue::Kind::kBlock, .place = PlaceOf(mark)});
  }
  void OnMapEnd() override { Close(); }

 private:
  /// A list or block that is being read, and the key whose value comes next.
  struct Level {
    YamlValue value;
    bool has_key = false;
    std::string key = {};
    YamlPlace key_place = {};
  };

  [[noreturn]] void RejectAnchors(const YAML::Mark& mark) const {
    Throw(ErrorCode::kConfig, "{}anchors and aliases are not taken; `extends` shares settings between files",
          file_.At(PlaceOf(mark)));
  }

  void Open(YamlValue value) {
    if (std::ssize(levels_) == kMostYamlDepth) {
      Throw(ErrorCode::kConfig, "{}nested deeper than {} levels", file_.At(value.place), kMostYamlDepth);
    }
    RequireValueOfKey(value);
    levels_.push_back({std::move(value)});
  }
  void Close() {
    YamlValue value = std::move(levels_.back().value);
    levels_.pop_back();
    Attach(std::move(value));
  }
  void Add(YamlValue value) {
    RequireValueOfKey(value);
    Attach(std::move(value));
  }

  /// In a block, values follow keys, which are plain text.
  void RequireValueOfKey(const YamlValue& value) {
    if (++values_ > kMostYamlValues) {
      Throw(ErrorCode::kConfig, "{}more than {} values", file_.At(value.place), kMostYamlValues);
    }
    if (levels_.empty() || levels_.back().value.kind != YamlValue::Kind::kBlock || levels_.back().has_key) return;
    if (value.kind != YamlValue::Kind::kScalar || value.text.empty()) {
      Throw(ErrorCode::kConfig, "{}expected a key, got {}", file_.At(value.place), value.Shown());
    }
  }

  void Attach(YamlValue value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.kind == YamlValue::Kind::kList) {
      level.value.list.push_back(std::move(value));
    } else if (!level.has_key) {
      if (const YamlValue* first = level.value.Find(value.text)) {
        Throw(ErrorCode::kConfig, "{}key '{}' stands twice in this block; its first value is in line {}",
              file_.At(value.place), Printable(value.text), first->place.line);
      }
      level.has_key = true, level.key = std::move(value.text), level.key_place = value.place;
    } else {
      level.has_key = false;
      if (value.kind == YamlValue::Kind::kNothing) value.place = level.key_place;  // it stands nowhere
      level.value.block.push_back({std::move(level.key), level.key_place, std::move(value)});
    }
  }

  const YamlFile& file_;
  YamlValue root_;
  std::vector<Level> levels_;
  int64_t values_ = 0;
};

}  // namespace

const YamlValue* YamlValue::Find(std::string_view key) const {
  const auto found = std::find_if(block.begin(), block.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == block.end() ? nullptr : &found->value;
}

std::string YamlValue::Shown() const {
  switch (kind) {
    case Kind::kNothing:
      return "nothing";
    case Kind::kScalar:
      return fmt::format("'{}'", Printable(text));
    case Kind::kList:
      return "a list";
    case Kind::kBlock:
      return "a block of keys";
  }
  return {};
}

std::string YamlFile::At(YamlPlace place) const {
  return place.line == 0 ? path + ": " : fmt::format("{}:{}:{}: ", path, place.line, place.column);
}

YamlFile ParseYaml(std::string path, std::string_view text) {
  YamlFile file{std::move(path), {}};
  if (text.size() > kMostYamlBytes) {
    Throw(ErrorCode::kConfig, "{}: {} bytes; a configuration has at most {}", file.path, text.size(), kMostYamlBytes);
  }
  if (text.find('\0') != text.npos) Throw(ErrorCode::kConfig, "{}: holds a zero byte: no text file", file.path);
  if (const size_t bad = ValidPrefix(text); bad < text.size()) {
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bad), '\n') + 1;
    Throw(ErrorCode::kConfig, "{}:{}: holds a byte that is not UTF-8", file.path, line);
  }
  Builder builder(file);
  std::istringstream stream{std::string(text)};
  bool more = false;
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    YamlFile second{file.path, {}};
    Builder rest(second);
    more = parser.HandleNextDocument(rest);
  } catch (const YAML::Exception& e) {
    Throw(ErrorCode::kConfig, "{}{}", file.At(PlaceOf(e.mark)), e.msg);
  }
  if (more)
    Throw(ErrorCode::kConfig, "{}: holds more than one document; remove what follows the first '---'", file.path);
  file.root = builder.Take();
  return file;
}

YamlFile ReadYaml(const std::string& path) { return ParseYaml(path, ReadFile(path)); }

void SetFromYaml(const YamlFile& file, const YamlValue& value, const BoundField& bound) {
  const std::string shown_as = file.At(value.place) + std::string(bound.field.name);
  auto* const* texts = std::get_if<std::vector<std::string>*>(&bound.value);
  if (texts != nullptr) (*texts)->clear();
  if (texts != nullptr && value.kind == YamlValue::Kind::kList) {
    for (const YamlValue& item : value.list) {
      if (item.kind != YamlValue::Kind::kScalar) {
        Throw(ErrorCode::kUsage, "{}: expected a list of texts, got {} in it", shown_as, item.Shown());
      }
      SetField(bound, item.text, shown_as);
    }
    return;
  }
  if (value.kind != YamlValue::Kind::kScalar) {
    Throw(ErrorCode::kUsage, "{}: expected one value, got {}", shown_as, value.Shown());
  }
  SetField(bound, value.text, shown_as);
}

void RejectKey(const YamlFile& file, const YamlValue::Entry& entry, std::span<const std::string> known) {
  Throw(ErrorCode::kConfig, "{}unknown key '{}'; the nearest known one is '{}'", file.At(entry.place),
        Printable(entry.key), Nearest(entry.key, known));
}

void FromYaml(const YamlFile& file, const YamlValue& block, std::span<const BoundField> fields) {
  if (block.kind != YamlValue::Kind::kBlock) {
    Throw(ErrorCode::kConfig, "{}expected a block of keys, got {}", file.At(block.place), block.Shown());
  }
  std::vector<std::string> names;
  for (const BoundField& bound : fields) names.emplace_back(bound.field.name);
  for (const YamlValue::Entry& entry : block.block) {
    const auto found = std::find(names.begin(), names.end(), entry.key);
    if (found == names.end()) RejectKey(file, entry, names);
    SetFromYaml(file, entry.value, fields[static_cast<size_t>(found - names.begin())]);
  }
}

}  // namespace longshot
