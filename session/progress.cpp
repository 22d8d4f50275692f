#include "session/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace longshot {
namespace {

constexpr double kTerminalMs = 200;  ///< between updates a person watches
constexpr double kLogMs = 5000;      ///< between lines in a log

}  // namespace

Progress::Progress(std::string what, std::string unit)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      terminal_(::isatty(STDERR_FILENO) != 0),
      next_ms_(terminal_ ? kTerminalMs : kLogMs) {}

void Progress::Show(int64_t done, int64_t total) {
  elapsed_ms_ += watch_.LapMs();
  if (elapsed_ms_ < next_ms_ || done <= 0) return;
  next_ms_ = elapsed_ms_ + (terminal_ ? kTerminalMs : kLogMs);
  shown_ = true;
  const std::string line = Line(what_, done, total, elapsed_ms_, unit_);
  if (terminal_) {
    fmt::print(stderr, "\r\x1b[K{}", line);
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void Progress::Finish() {
  if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

std::string Progress::Line(const std::string& what, int64_t done, int64_t total, double elapsed_ms,
                           const std::string& unit) {
  const double rate = static_cast<double>(done) / elapsed_ms;  // per ms
  return fmt::format("{} {} of {} {}, {:.0f} {}/s, {:.0f} s left", what, done, total, unit, rate * 1000,
                     unit == "tokens" ? "tok" : unit, static_cast<double>(total - done) / rate / 1000);
}

}  // namespace longshot
