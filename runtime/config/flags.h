#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/fields.h"

namespace longshot {

/// The command line of one command, made from the field lists of its config structs: nothing is declared
/// twice.
class CommandLine {
 public:
  /// An argument without a flag, such as the MODEL of `inspect MODEL`.
  struct Positional {
    std::string name;
    std::string help;
    std::string* value = nullptr;
    std::vector<std::string>* values = nullptr;  ///< instead of `value`: as many as there are
  };

  CommandLine(std::string command, std::string summary) : command_(std::move(command)), summary_(std::move(summary)) {}

  void Add(Section section) { sections_.push_back(std::move(section)); }
  void Add(Positional positional) { positionals_.push_back(std::move(positional)); }
  /// A line at the end of the help text.
  void Example(std::string example) { example_ = std::move(example); }

  /// Sets the fields from `arguments` (the command's name not among them). An alias is accepted and told in
  /// `hints`, one line each. `absent` are flags that other versions have: errors say so. A valued flag
  /// takes exactly one word. A flag given twice: the last one counts; a list field gathers all. Returns false when help
  /// was asked for: nothing is to be run. Errors: kUsage for an unknown flag (names the nearest), a missing or
  /// malformed value, an argument too many.
  bool Parse(std::span<const std::string> arguments, std::vector<std::string>& hints,
             std::span<const std::string_view> absent = {}) const;

  /// Every flag with its unit, range, default value and help.
  std::string Help() const;

 private:
  struct Flag;
  std::vector<Flag> Flags() const;
  std::vector<std::string> Normalize(std::span<const std::string> arguments, std::vector<std::string>& hints,
                                     std::span<const std::string_view> absent) const;

  std::string command_, summary_, example_;
  std::vector<Section> sections_;
  std::vector<Positional> positionals_;
};

}  // namespace longshot
