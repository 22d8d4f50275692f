#include "runtime/config/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>
#include <memory>

#include "core/error.h"
#include "core/printable.h"
#include "runtime/config/nearest.h"

namespace longshot {
namespace {

std::vector<std::string> SplitNames(std::string_view names) {
  std::vector<std::string> out;
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    out.emplace_back(names.substr(0, comma));
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return out;
}

bool IsLong(std::string_view name) { return name.starts_with("--"); }

/// "-1" and "-.5" are values, never flags.
bool LooksLikeNumber(std::string_view argument) {
  return argument.size() > 1 && (std::isdigit(static_cast<unsigned char>(argument[1])) || argument[1] == '.');
}

std::string DefaultText(const BoundField& bound) {
  if (const auto* number = std::get_if<int64_t*>(&bound.value)) return std::to_string(**number);
  if (const auto* number = std::get_if<double*>(&bound.value)) return fmt::format("{}", **number);
  if (const auto* text = std::get_if<std::string*>(&bound.value)) {
    const bool is_empty_choice = (*text)->empty() && !bound.field.choices.empty();
    return is_empty_choice ? std::string(kEmptyChoice) : **text;
  }
  return "";
}

std::string TypeText(const BoundField& bound) {
  if (!bound.field.choices.empty()) return fmt::format("{}", fmt::join(ShownChoices(bound.field), "|"));
  if (!bound.field.unit.empty()) return std::string(bound.field.unit);
  if (std::holds_alternative<int64_t*>(bound.value)) return "N";
  return std::holds_alternative<double*>(bound.value) ? "X" : "TEXT";
}

/// Help that shows a flag as llama.cpp spells it, short forms of several letters included.
class FlagFormatter : public CLI::Formatter {
 public:
  /// Spellings by long name.
  explicit FlagFormatter(std::map<std::string, std::string> spellings) : spellings_(std::move(spellings)) {
    column_width(40);
  }
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    const std::string name = option->get_lnames().empty() ? "" : "--" + option->get_lnames().front();
    const auto at = spellings_.find(name);
    return at != spellings_.end() ? at->second : CLI::Formatter::make_option_name(option, is_positional);
  }

 private:
  std::map<std::string, std::string> spellings_;
};

}  // namespace

/// A field with its names told apart: CLI11 2.1 takes one-letter shorts only, so the others are rewritten to
/// the long name before it sees them.
struct CommandLine::Flag {
  const Section* section = nullptr;
  const BoundField* bound = nullptr;
  std::string name;                    ///< the long one
  std::vector<std::string> spellings;  ///< all but aliases
  bool takes_value() const { return !std::holds_alternative<bool*>(bound->value); }
};

std::vector<CommandLine::Flag> CommandLine::Flags() const {
  std::vector<Flag> flags;
  for (const Section& section : sections_) {
    for (const BoundField& bound : section.fields) {
      if (bound.field.flags.empty()) continue;
      Flag flag{&section, &bound, "", SplitNames(bound.field.flags)};
      for (const std::string& name : flag.spellings) {
        if (IsLong(name) && flag.name.empty()) flag.name = name;
      }
      CHECK(!flag.name.empty(), "field {} has no long flag", bound.field.name);
      flags.push_back(std::move(flag));
    }
  }
  return flags;
}

std::vector<std::string> CommandLine::Normalize(std::span<const std::string> arguments, std::vector<std::string>& hints,
                                                std::span<const std::string_view> absent) const {
  const std::vector<Flag> flags = Flags();
  std::vector<std::string> known{"-h", "--help"};
  for (const Flag& flag : flags) known.insert(known.end(), flag.spellings.begin(), flag.spellings.end());

  const auto find = [&](const std::string& name) -> const Flag* {
    for (const Flag& flag : flags) {
      if (std::find(flag.spellings.begin(), flag.spellings.end(), name) != flag.spellings.end()) return &flag;
      const auto& aliases = flag.bound->field.aliases;
      if (std::find(aliases.begin(), aliases.end(), name) != aliases.end()) {
        hints.push_back(fmt::format("{} is accepted as {}", name, flag.name));
        return &flag;
      }
    }
    if (std::find(absent.begin(), absent.end(), name) != absent.end()) {
      Throw(ErrorCode::kUsage, "{} is not supported by this version (longshot {} --help lists what is)", name,
            command_);
    }
    const size_t equals = name.find('=');
    if (equals != std::string::npos && std::find(known.begin(), known.end(), name.substr(0, equals)) != known.end()) {
      Throw(ErrorCode::kUsage, "unknown flag {}; the value of a short flag is the next word: {} {}", Printable(name),
            name.substr(0, equals), Printable(name.substr(equals + 1)));
    }
    Throw(ErrorCode::kUsage, "unknown flag {}; the nearest known one is {} (longshot {} --help lists all)",
          Printable(name), Nearest(name.substr(0, equals), known), command_);
  };

  std::vector<std::string> out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() < 2 || argument[0] != '-' || LooksLikeNumber(argument) || argument == "-h" ||
        argument == "--help") {
      out.push_back(argument);
      continue;
    }
    const size_t equals = IsLong(argument) ? argument.find('=') : std::string::npos;
    const std::string name = argument.substr(0, equals);
    const Flag* flag = find(name);
    out.push_back(flag->name);
    if (!flag->takes_value()) {
      if (equals != std::string::npos) Throw(ErrorCode::kUsage, "{} takes no value, got '{}'", name, argument);
      continue;
    }
    if (equals == std::string::npos && i + 1 == arguments.size()) {
      Throw(ErrorCode::kUsage, "{} needs a value ({})", name, TypeText(*flag->bound));
    }
    out.push_back(equals != std::string::npos ? argument.substr(equals + 1) : arguments[++i]);
  }
  return out;
}

namespace {

void AddOption(CLI::App& app, const std::string& section, const BoundField& bound, const std::string& name,
               const std::vector<std::string>& spellings) {
  std::string names = name;
  const std::string help(bound.field.help);
  for (const std::string& spelling : spellings) {
    if (spelling.size() == 2) names = spelling + "," + names;
  }
  if (const auto* on = std::get_if<bool*>(&bound.value)) {
    app.add_flag_callback(
           names, [on = *on] { *on = true; }, help)
        ->group(section);
    return;
  }
  const auto set = [bound, name](const std::vector<std::string>& values) {
    for (const std::string& value : values) SetField(bound, value, name);
  };
  CLI::Option* option = app.add_option_function<std::vector<std::string>>(names, set, help);
  // CLI11 would go on taking words after a list's first: a repeated flag gathers, a flag takes one word.
  option->group(section)->expected(1)->allow_extra_args(false)->type_name(TypeText(bound));
  const bool list = std::holds_alternative<std::vector<std::string>*>(bound.value);
  option->multi_option_policy(list ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
  option->default_str(DefaultText(bound));
}

void AddPositional(CLI::App& app, const CommandLine::Positional& positional) {
  if (positional.values != nullptr) {
    app.add_option(positional.name, *positional.values, positional.help);
  } else {
    app.add_option(positional.name, *positional.value, positional.help);
  }
}

}  // namespace

bool CommandLine::Parse(std::span<const std::string> arguments, std::vector<std::string>& hints,
                        std::span<const std::string_view> absent) const {
  CLI::App app;
  for (const Flag& flag : Flags()) AddOption(app, flag.section->name, *flag.bound, flag.name, flag.spellings);
  for (const Positional& positional : positionals_) AddPositional(app, positional);
  std::vector<std::string> normal = Normalize(arguments, hints, absent);
  std::reverse(normal.begin(), normal.end());  // CLI11 takes them last first
  try {
    app.parse(normal);
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ExtrasError&) {
    Throw(ErrorCode::kUsage, "unexpected argument '{}' (longshot {} --help)", Printable(app.remaining().front()),
          command_);
  } catch (const CLI::ParseError& error) {
    Throw(ErrorCode::kUsage, "{} (longshot {} --help)", Printable(error.what(), 200), command_);
  }
  for (const Section& section : sections_) CheckFields(section.fields);
  return true;
}

std::string CommandLine::Help() const {
  CLI::App app(summary_, "longshot " + command_);
  std::map<std::string, std::string> spellings;
  for (const Flag& flag : Flags()) {
    AddOption(app, flag.section->name, *flag.bound, flag.name, flag.spellings);
    spellings[flag.name] = flag.bound->field.flags;
  }
  app.formatter(std::make_shared<FlagFormatter>(std::move(spellings)));
  for (const Positional& positional : positionals_) AddPositional(app, positional);
  if (!example_.empty()) app.footer("Example: " + example_);
  return app.help();
}

}  // namespace longshot
