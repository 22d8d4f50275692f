#include <fmt/format.h>

#include "session/build_info.h"
#include "cli/command.h"
#include "session/output.h"
#include "core/error.h"
#include "kernels/backends.h"

namespace longshot {
namespace {

std::string InstructionSets(const CpuFeatures& cpu) {
  std::string sets;
  const auto add = [&](bool has, const char* name) {
    if (has) sets += fmt::format("{}{}", sets.empty() ? "" : " ", name);
  };
  add(cpu.avx2, "avx2");
  add(cpu.fma, "fma");
  add(cpu.f16c, "f16c");
  add(cpu.avx_vnni, "avx-vnni");
  add(cpu.avx512, "avx512");
  add(cpu.avx512_bf16, "avx512-bf16");
  add(cpu.avx512_vnni, "avx512-vnni");
  add(cpu.amx_bf16, "amx-bf16");
  add(cpu.amx_int8, "amx-int8");
  return sets.empty() ? "none that this build uses" : sets;
}

std::string NumericPath() {
  try {
    return MakeCpuBackend({})->Describe().numeric_path;
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

int RunVersion(std::span<const std::string> arguments) {
  CommandLine line("version", "Build, libraries, instruction sets.");
  if (!ParseArguments(line, arguments)) return 0;
  const CpuFeatures cpu = DetectCpu();
  WriteOutput(fmt::format("longshot {} (commit {})\n", kVersion, kCommit) +
              fmt::format("build: {}, {}\n", kBuildType, kCompiler) + fmt::format("libraries: {}\n", Libraries()) +
              fmt::format("processor: {}\n", cpu.model_name) +
              fmt::format("instruction sets found: {}\n", InstructionSets(cpu)) +
              fmt::format("numeric path used: {}\n", NumericPath()) + "GPU: none; this build has no CUDA backend\n");
  return 0;
}

}  // namespace longshot
