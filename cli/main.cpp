#include <fmt/format.h>

#include <exception>
#include <new>
#include <string>
#include <vector>

#include "cli/command.h"
#include "retrieval/embedder.h"
#include "session/interrupt.h"
#include "session/output.h"
#include "core/error.h"
#include "core/printable.h"
#include "runtime/config/nearest.h"

namespace longshot {
namespace {

std::string Usage() {
  std::string text = "usage: longshot COMMAND [FLAGS]\n\n";
  for (const Command& command : Commands()) text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  return text + "\nlongshot COMMAND --help lists the flags of a command.\n";
}

int Dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty()) Throw(ErrorCode::kUsage, "expected a command; longshot --help lists them");
  const std::string& name = arguments[0];
  const auto rest = std::span(arguments).subspan(1);
  if (name == "-h" || name == "--help" || name == "help") {
    WriteOutput(Usage());
    return 0;
  }
  if (name == "--version") return RunVersion(rest);
  std::vector<std::string> names;
  for (const Command& command : Commands()) {
    if (command.name == name) return command.run(rest);
    names.emplace_back(command.name);
  }
  Throw(ErrorCode::kUsage, "unknown command {}; the nearest known one is {} (longshot --help lists all)",
        Printable(name), Nearest(name, names));
}

int StatusOf(ErrorCode code) { return code == ErrorCode::kUsage || code == ErrorCode::kConfig ? 2 : 1; }

}  // namespace
}  // namespace longshot

/// The only place that catches: one line per error; status 2 for usage and configuration, 130 after Ctrl-C, 1
/// otherwise.
int main(int argc, char** argv) {
  try {
    return longshot::Dispatch({argv + 1, argv + argc});
  } catch (const longshot::Error& error) {
    longshot::Note(fmt::format("error: {}", error.what()));
    return longshot::StatusOf(error.code());
  } catch (const longshot::EmbedStopped&) {
    return longshot::kInterruptedStatus;
  } catch (const std::bad_alloc&) {
    longshot::Note("error: out of memory: lower -c, or close other programs");
  } catch (const std::exception& error) {
    longshot::Note(fmt::format("error: {}", error.what()));
  }
  return 1;
}
