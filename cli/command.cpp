#include "cli/command.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "session/output.h"

namespace longshot {
namespace {

/// Flags of the project's conventions that this version lacks: told so, rather than that another one is near.
constexpr std::string_view kAbsentFlags[] = {"-cd",
                                             "--spec-draft-ctx-size",
                                             "--ctx-size-draft",
                                             "--spec-kv-policy",
                                             "--spec-kv-budget",
                                             "--spec-exit-layer",
                                             "--exit-layer"};

constexpr std::array kCommands = {
    Command{"generate", "answer a question about a long document", RunGenerate},
    Command{"prefill", "read a document once, for later questions (--prompt-cache)", RunPrefill},
    Command{"demo", "plain decoding and every drafter on the same questions, and a table", RunDemo},
    Command{"bench", "speed of prefill, decoding and verification as fractions of the machine's roofs", RunBench},
    Command{"run", "an experiment from a YAML file, and its report", RunExperiment},
    Command{"report", "HTML, Markdown, CSV and JSON from stored runs", RunReport},
    Command{"merge", "shards of one run put together", RunMerge},
    Command{"compare", "two runs cell by cell; status 1 when something got worse", RunCompare},
    Command{"verify", "speculative output against plain decoding, token by token", RunVerify},
    Command{"doctor", "what speculation can gain with a model on this machine", RunDoctor},
    Command{"retrieve", "passages of documents that answer a question, by every retriever", RunRetrieve},
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
