#include "cli/command.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "cli/output.h"

namespace longshot {
namespace {

/// Flags of the project's conventions that this version lacks: told so, rather than that another one is near.
constexpr std::string_view kAbsentFlags[] = {"-md",
                                             "--spec-draft-model",
                                             "--model-draft",
                                             "--draft-model",
                                             "-cd",
                                             "--spec-draft-ctx-size",
                                             "--ctx-size-draft",
                                             "--spec-kv-policy",
                                             "--spec-kv-budget",
                                             "--spec-exit-layer",
                                             "--exit-layer",
                                             "--spec-margin",
                                             "--spec-rag-chunk-tokens",
                                             "--spec-rag-budget",
                                             "--spec-rag-threshold"};

constexpr std::array kCommands = {
    Command{"generate", "answer a question about a long document", RunGenerate},
    Command{"prefill", "read a document once, for later questions (--prompt-cache)", RunPrefill},
    Command{"demo", "plain decoding and every drafter on the same questions, and a table", RunDemo},
    Command{"bench", "speed of prefill, decoding and verification as fractions of the machine's roofs", RunBench},
    Command{"perplexity", "how well the model predicts a text", RunPerplexity},
    Command{"inspect", "what a model file holds and the memory it needs", RunInspect},
    Command{"tokenize", "a text as tokens", RunTokenize},
    Command{"version", "build, libraries, instruction sets", RunVersion},
};

}  // namespace

std::span<const Command> Commands() { return kCommands; }

bool ParseArguments(const CommandLine& line, std::span<const std::string> arguments) {
  std::vector<std::string> hints;
  const bool run = line.Parse(arguments, hints, kAbsentFlags);
  if (!run) WriteOutput(line.Help());
  for (const std::string& hint : hints) Note("hint: " + hint);
  return run;
}

}  // namespace longshot
