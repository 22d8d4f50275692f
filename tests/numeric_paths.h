#pragma once

#include <fmt/format.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "kernels/backends.h"

/// Runs a test once for every numeric path of this machine. The matrix library fixes its instruction set once
/// per process, so each path gets a process of its own.
namespace longshot {

struct NumericPath {
  std::string name;  ///< as `BackendInfo::numeric_path` says it
  CpuOptions options;
};

/// Every combination of instruction set and type of floats that this processor runs, lowest first, and on AVX2 stored
/// weights, with which prompt rows take a path of their own.
inline std::vector<NumericPath> NumericPaths() {
  const CpuFeatures features = DetectCpu();
  const auto path = [](const char* name, CpuIsa isa, WeightType weights) {
    CpuOptions options;
    options.isa = isa;
    options.weights = weights;
    return NumericPath{name, options};
  };
  std::vector<NumericPath> paths = {path("avx2 f32", CpuIsa::kAvx2, WeightType::kF32),
                                    path("avx2 int8/int16/f32", CpuIsa::kAvx2, WeightType::kStored)};
  if (features.avx512) paths.push_back(path("avx512 f32", CpuIsa::kAvx512, WeightType::kF32));
  if (features.avx512_bf16) paths.push_back(path("avx512 bf16", CpuIsa::kAvx512, WeightType::kBF16));
  if (features.amx_bf16) {
    paths.push_back(path("amx f32", CpuIsa::kAmx, WeightType::kF32));
    paths.push_back(path("amx bf16", CpuIsa::kAmx, WeightType::kBF16));
  }
  return paths;
}

namespace numeric_paths_internal {

/// Failures of `body`, one text each; an exception is a failure.
inline std::vector<std::string> FailuresOf(const std::function<void()>& body) {
  testing::TestPartResultArray results;
  std::vector<std::string> failures;
  {
    const testing::ScopedFakeTestPartResultReporter collect(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    try {
      body();
    } catch (const std::exception& error) {
      failures.push_back(fmt::format("exception: {}", error.what()));
    }
  }
  for (int i = 0; i < results.size(); ++i) {
    const testing::TestPartResult& part = results.GetTestPartResult(i);
    if (!part.failed()) continue;
    failures.push_back(
        fmt::format("{}:{}: {}", part.file_name() ? part.file_name() : "?", part.line_number(), part.message()));
  }
  return failures;
}

/// The child's life: never returns.
[[noreturn]] inline void RunChild(int pipe, const std::function<void()>& body) {
  constexpr size_t kShown = 10;
  const std::vector<std::string> failures = FailuresOf(body);
  std::string report;
  for (size_t i = 0; i < failures.size() && i < kShown; ++i) report += failures[i] + "\n";
  if (failures.size() > kShown) report += fmt::format("... and {} more failures\n", failures.size() - kShown);
  for (size_t done = 0; done < report.size();) {
    const ssize_t n = ::write(pipe, report.data() + done, report.size() - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  std::fflush(nullptr);
  ::_exit(failures.empty() ? 0 : 1);
}

inline std::string ReadAll(int pipe) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(pipe, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  return text;
}

}  // namespace numeric_paths_internal

/// Runs `body` in a process of its own and reports its gtest failures, an exception or a crash as one failure
/// of the calling test that begins with "numeric path `name`". REQUIRES: this process has one thread.
inline void RunInChildProcess(const std::string& name, const std::function<void()>& body) {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  if (std::distance(begin(tasks), end(tasks)) != 1) {
    ADD_FAILURE() << "numeric path " << name
                  << ": threads were started before the fork; make backends in the body only";
    return;
  }
  int ends[2];
  if (::pipe(ends) != 0) {
    ADD_FAILURE() << "numeric path " << name << ": no pipe: " << std::strerror(errno);
    return;
  }
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    numeric_paths_internal::RunChild(ends[1], body);
  }
  ::close(ends[1]);
  const std::string report = child < 0 ? "" : numeric_paths_internal::ReadAll(ends[0]);
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    ADD_FAILURE() << "numeric path " << name << ": no child process: " << std::strerror(errno);
  } else if (WIFSIGNALED(status)) {
    ADD_FAILURE() << "numeric path " << name << ": killed by signal " << WTERMSIG(status) << "\n" << report;
  } else if (status != 0) {
    ADD_FAILURE() << "numeric path " << name << ": failed\n" << report;
  }
}

/// Calls `body` once for every numeric path of this machine, each in a child process; `body` makes its
/// backends from the options it gets (threads may be changed) and uses gtest assertions. REQUIRES: the
/// calling process has started no thread: backends of more than one thread live in bodies only.
inline void ForEachNumericPath(const std::function<void(const CpuOptions&)>& body) {
  for (const NumericPath& path : NumericPaths()) {
    RunInChildProcess(path.name, [&] { body(path.options); });
  }
}

}  // namespace longshot
