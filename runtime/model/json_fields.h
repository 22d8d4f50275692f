#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace longshot {

/// Typed fields of a JSON object; empty when absent or null.
/// Errors: kFormat naming the file, the field, the expected and the found value.
class JsonFields {
 public:
  /// `object` must outlive this; `what` names it in errors. Errors: kFormat when it is not an object.
  JsonFields(const nlohmann::json& object, std::string what);

  std::optional<int> Integer(const char* name) const;  ///< 0 to 2^31 - 1
  std::optional<float> Float(const char* name) const;  ///< integers are numbers too
  std::optional<bool> Bool(const char* name) const;
  std::optional<std::string> String(const char* name) const;
  int RequiredInteger(const char* name) const;
  /// nullptr when absent or null.
  const nlohmann::json* Find(const char* name) const;
  const std::string& what() const { return what_; }

 private:
  [[noreturn]] void ThrowType(const char* name, const char* expected) const;

  const nlohmann::json& object_;
  std::string what_;
};

}  // namespace longshot
