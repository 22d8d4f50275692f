#include "runtime/config/fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/printable.h"
#include "core/sha256.h"
#include "runtime/config/nearest.h"

namespace longshot {
namespace {

std::string Bound(double value) { return fmt::format("{}", value); }

/// "a whole number from 0 to 10 (tokens)", "one of a, b".
std::string Expected(const Field& field, std::string_view noun) {
  if (!field.choices.empty()) return fmt::format("one of {}", fmt::join(ShownChoices(field), ", "));
  std::string text(noun);
  const bool low = std::isfinite(field.minimum), high = std::isfinite(field.maximum);
  if (low && high) text += fmt::format(" from {} to {}", Bound(field.minimum), Bound(field.maximum));
  if (low && !high) text += fmt::format(" of at least {}", Bound(field.minimum));
  if (!low && high) text += fmt::format(" of at most {}", Bound(field.maximum));
  if (!field.unit.empty()) text += fmt::format(" ({})", field.unit);
  return text;
}

[[noreturn]] void Reject(ErrorCode code, std::string_view shown_as, const std::string& expected, std::string_view got) {
  Throw(code, "{}: expected {}, got '{}'", shown_as, expected, Printable(got));
}

bool InRange(const Field& field, double value) {
  return std::isfinite(value) && value >= field.minimum && value <= field.maximum;
}

/// Between whole numbers: a double cannot tell 2^53 from 2^53 + 1.
bool InRange(const Field& field, int64_t value) {
  constexpr double kLimit = 0x1p63;
  const bool high_enough = field.minimum < -kLimit || value >= static_cast<int64_t>(std::ceil(field.minimum));
  return high_enough && (field.maximum >= kLimit || value <= static_cast<int64_t>(std::floor(field.maximum)));
}

bool IsChoice(const Field& field, const std::string& value) {
  return field.choices.empty() || std::find(field.choices.begin(), field.choices.end(), value) != field.choices.end();
}

template <class Number>
bool ParseNumber(std::string_view text, Number& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end && !text.empty();
}

/// Sets or checks one field; every error of a wrong value is made here.
class FieldChecker {
 public:
  FieldChecker(const Field& field, ErrorCode code, std::string_view shown_as)
      : field_(field), code_(code), shown_as_(shown_as) {}

  void Check(bool) const {}
  void Check(int64_t value) const {
    if (!InRange(field_, value)) Fail("a whole number", std::to_string(value));
  }
  void Check(double value) const {
    if (!InRange(field_, value)) Fail("a number", fmt::format("{}", value));
  }
  void Check(const std::string& value) const {
    if (!IsChoice(field_, value)) Fail("text", value);
  }
  void Check(const std::vector<std::string>& values) const {
    for (const std::string& value : values) Check(value);
  }

  void Parse(std::string_view text, bool& out) const {
    if (text != "true" && text != "false") Fail("true or false", text);
    out = text == "true";
  }
  void Parse(std::string_view text, int64_t& out) const {
    int64_t value = 0;
    if (!ParseNumber(text, value)) Fail("a whole number", text);
    Check(value);
    out = value;
  }
  void Parse(std::string_view text, double& out) const {
    double value = 0;
    if (!ParseNumber(text, value)) Fail("a number", text);
    Check(value);
    out = value;
  }
  void Parse(std::string_view text, std::string& out) const {
    if (text == kEmptyChoice && !IsChoice(field_, std::string(text))) text = "";
    Check(std::string(text));
    out = text;
  }
  void Parse(std::string_view text, std::vector<std::string>& out) const {
    Check(std::string(text));
    out.emplace_back(text);
  }

  [[noreturn]] void Fail(std::string_view noun, std::string_view got) const {
    Reject(code_, shown_as_, Expected(field_, noun), got);
  }

 private:
  const Field& field_;
  ErrorCode code_;
  std::string_view shown_as_;
};

void Assign(const nlohmann::json& json, const FieldChecker& check, bool& out) {
  if (!json.is_boolean()) check.Fail("true or false", json.dump());
  out = json.get<bool>();
}
void Assign(const nlohmann::json& json, const FieldChecker& check, int64_t& out) {
  if (!json.is_number_integer()) check.Fail("a whole number", json.dump());
  check.Check(json.get<int64_t>());
  out = json.get<int64_t>();
}
void Assign(const nlohmann::json& json, const FieldChecker& check, double& out) {
  if (!json.is_number()) check.Fail("a number", json.dump());
  check.Check(json.get<double>());
  out = json.get<double>();
}
void Assign(const nlohmann::json& json, const FieldChecker& check, std::string& out) {
  if (!json.is_string()) check.Fail("text", json.dump());
  check.Check(json.get_ref<const std::string&>());
  out = json.get<std::string>();
}
void Assign(const nlohmann::json& json, const FieldChecker& check, std::vector<std::string>& out) {
  if (!json.is_array()) check.Fail("a list of texts", json.dump());
  std::vector<std::string> values(json.size());
  for (size_t i = 0; i < json.size(); ++i) Assign(json[i], check, values[i]);
  out = std::move(values);
}

const BoundField& FindKey(std::span<const BoundField> fields, const std::string& key) {
  std::vector<std::string> names;
  for (const BoundField& bound : fields) {
    if (bound.field.name == key) return bound;
    names.emplace_back(bound.field.name);
  }
  Throw(ErrorCode::kConfig, "unknown key '{}'; the nearest known one is '{}'", Printable(key), Nearest(key, names));
}

}  // namespace

std::vector<std::string_view> ShownChoices(const Field& field) {
  std::vector<std::string_view> shown = field.choices;
  std::replace(shown.begin(), shown.end(), std::string_view(), kEmptyChoice);
  return shown;
}

void SetField(const BoundField& bound, std::string_view text, std::string_view shown_as) {
  const FieldChecker check(bound.field, ErrorCode::kUsage, shown_as);
  std::visit([&](auto* member) { check.Parse(text, *member); }, bound.value);
}

void CheckFields(std::span<const BoundField> fields) {
  for (const BoundField& bound : fields) {
    const FieldChecker check(bound.field, ErrorCode::kConfig, bound.field.name);
    std::visit([&](auto* member) { check.Check(*member); }, bound.value);
  }
}

nlohmann::json ToJson(std::span<const BoundField> fields) {
  nlohmann::json json = nlohmann::json::object();
  for (const BoundField& bound : fields) {
    std::visit([&](auto* member) { json[std::string(bound.field.name)] = *member; }, bound.value);
  }
  return json;
}

void FromJson(const nlohmann::json& json, std::span<const BoundField> fields) {
  if (!json.is_object()) Throw(ErrorCode::kConfig, "expected a block of keys, got '{}'", Printable(json.dump()));
  for (const auto& [key, value] : json.items()) {
    const BoundField& bound = FindKey(fields, key);
    const FieldChecker check(bound.field, ErrorCode::kConfig, bound.field.name);
    std::visit([&](auto* member) { Assign(value, check, *member); }, bound.value);
  }
}

std::string ConfigHash(const nlohmann::json& json) { return Sha256Hex(json.dump()); }

}  // namespace longshot
