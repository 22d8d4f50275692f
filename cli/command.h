#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/config/flags.h"

namespace longshot {

/// One command of `longshot`. `run` gets the arguments after the command's name and returns the exit status;
/// it throws `Error`, which `main` alone catches.
struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(std::span<const std::string> arguments);
};

/// Every command, in the order of the help text.
std::span<const Command> Commands();

/// Reads the arguments and tells accepted aliases on standard error. False: help was printed, there is
/// nothing to run. Errors: those of `CommandLine::Parse`.
bool ParseArguments(const CommandLine& line, std::span<const std::string> arguments);

int RunGenerate(std::span<const std::string> arguments);
int RunPrefill(std::span<const std::string> arguments);
int RunDemo(std::span<const std::string> arguments);
int RunInspect(std::span<const std::string> arguments);
int RunTokenize(std::span<const std::string> arguments);
int RunPerplexity(std::span<const std::string> arguments);
int RunBench(std::span<const std::string> arguments);
int RunExperiment(std::span<const std::string> arguments);
int RunReport(std::span<const std::string> arguments);
int RunMerge(std::span<const std::string> arguments);
int RunCompare(std::span<const std::string> arguments);
int RunVerify(std::span<const std::string> arguments);
int RunDoctor(std::span<const std::string> arguments);
int RunRetrieve(std::span<const std::string> arguments);
int RunVersion(std::span<const std::string> arguments);

}  // namespace longshot
