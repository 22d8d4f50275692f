#include "runtime/model/json_fields.h"

#include <cmath>

#include "core/error.h"
#include "core/printable.h"

namespace longshot {

using nlohmann::json;

JsonFields::JsonFields(const json& object, std::string what) : object_(object), what_(std::move(what)) {
  if (!object_.is_object()) Throw(ErrorCode::kFormat, "{} is {}, expected an object", what_, object_.type_name());
}

const json* JsonFields::Find(const char* name) const {
  const auto at = object_.find(name);
  return at == object_.end() || at->is_null() ? nullptr : &*at;
}

void JsonFields::ThrowType(const char* name, const char* expected) const {
  Throw(ErrorCode::kFormat, "{}: {} is {}, expected {}", what_, name, Printable(Find(name)->dump()), expected);
}

std::optional<int> JsonFields::Integer(const char* name) const {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_unsigned() || value->get<uint64_t>() > INT32_MAX) {
    ThrowType(name, "an integer from 0 to 2^31 - 1");
  }
  return static_cast<int>(value->get<uint64_t>());
}

int JsonFields::RequiredInteger(const char* name) const {
  const std::optional<int> value = Integer(name);
  if (!value) Throw(ErrorCode::kFormat, "{}: {} is missing", what_, name);
  return *value;
}

std::optional<float> JsonFields::Float(const char* name) const {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !(std::fabs(value->get<double>()) < 1e30)) ThrowType(name, "a number below 1e30");
  return static_cast<float>(value->get<double>());
}

std::optional<bool> JsonFields::Bool(const char* name) const {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) ThrowType(name, "true or false");
  return value->get<bool>();
}

std::optional<std::string> JsonFields::String(const char* name) const {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) ThrowType(name, "a string");
  return value->get<std::string>();
}

}  // namespace longshot
