#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/config/field.h"

namespace longshot {

/// A declared field bound to the member that holds its value. The struct must outlive it.
struct BoundField {
  Field field;
  std::variant<bool*, int64_t*, double*, std::string*, std::vector<std::string>*> value;
};

/// Every field of a config struct, in declaration order.
template <class Config>
std::vector<BoundField> BindFields(Config& config) {
  std::vector<BoundField> bound;
  Config::VisitFields(config, [&](const Field& field, auto& member) { bound.push_back({field, &member}); });
  return bound;
}

/// Fields under a name: one block of a configuration's JSON, one group of a command's help.
struct Section {
  std::string name;
  std::vector<BoundField> fields;
};

/// The choices as help and errors show them and flags take them.
std::vector<std::string_view> ShownChoices(const Field& field);

/// Sets a field from text; `shown_as` names it in errors (the flag as the user wrote it).
/// Errors: kUsage naming the field, what it takes and what it got.
void SetField(const BoundField& bound, std::string_view text, std::string_view shown_as);

/// Errors: kConfig naming the first field whose value is out of range, not a number or not among its choices.
void CheckFields(std::span<const BoundField> fields);

nlohmann::json ToJson(std::span<const BoundField> fields);

/// Sets the fields that `json` names; others keep their values.
/// Errors: kConfig for an unknown key (names the nearest), a value of another type, or one out of range.
void FromJson(const nlohmann::json& json, std::span<const BoundField> fields);

/// SHA-256 of the canonical JSON: keys sorted, no spaces. Equal values give equal hashes in any declaration
/// order.
std::string ConfigHash(const nlohmann::json& json);

}  // namespace longshot
