#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace longshot {

/// What kind of failure an `Error` reports; `main` maps it to the exit status.
enum class ErrorCode {
  kUsage,        ///< a flag or argument is wrong (exit 2)
  kConfig,       ///< a configuration value is wrong (exit 2)
  kFormat,       ///< a file's content is malformed
  kIo,           ///< a file cannot be read or written
  kUnsupported,  ///< a valid input asks for what this build does not do
  kCapacity,     ///< a request does not fit: context, memory, disk
};

/// The one exception of the project. `message` says what, expected, got, and the cure, in one line.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

/// Throws `Error{code, fmt::format(...)}`.
template <class... Args>
[[noreturn]] void Throw(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Prints the failed condition and aborts: a programmer's mistake, never a user's.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line, const std::string& detail);

}  // namespace longshot

/// Always-on invariant check. Extra arguments are an fmt format string and its values.
#define CHECK(condition, ...)                                                                 \
  do {                                                                                        \
    if (!(condition)) [[unlikely]]                                                            \
      ::longshot::CheckFailed(#condition, __FILE__, __LINE__, ::fmt::format("" __VA_ARGS__)); \
  } while (false)
