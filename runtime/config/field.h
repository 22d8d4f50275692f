#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace longshot {

/// One declared setting. From a struct's single field list come flags, help, range checks, JSON, hash and (later)
/// YAML; nothing is declared twice. Declared in the struct as:
///
///   template <class Self, class Visitor>
///   static void VisitFields(Self& self, Visitor&& visit) {
///     visit(Field{.name = "temperature", .flags = "--temp", .aliases = {"--temperature"}, .minimum = 0,
///                 .maximum = 100, .help = "0 is greedy"}, self.temperature);
///   }
///
/// Members may be bool, int64_t, double, std::string, std::vector<std::string>.
struct Field {
  std::string_view name;                       ///< key in YAML and JSON: snake_case
  std::string_view flags;                      ///< "-n,--n-predict"; empty: no flag
  std::vector<std::string_view> aliases = {};  ///< accepted with a one-line hint
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> choices = {};  ///< allowed values of a string; empty: any; "" is shown as "auto"
  std::string_view unit = "";
  std::string_view help = "";
};

/// How a choice that is the empty text is spelled for people.
inline constexpr std::string_view kEmptyChoice = "auto";

}  // namespace longshot
