#include "retrieval/pdf_text.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/file_descriptor.h"
#include "core/printable.h"

namespace longshot {
namespace {

using Clock = std::chrono::steady_clock;

constexpr rlim_t kMostMemoryBytes = rlim_t{4} << 30;
constexpr size_t kComplaintBytes = 4 << 10;
constexpr size_t kShownBytes = 300;

[[noreturn]] void FailSystem(std::string_view name, const char* what, int error) {
  Throw(ErrorCode::kIo, "--doc {}: cannot {} for pdftotext: {}", Printable(name, kShownBytes), what,
        std::strerror(error));
}

/// A file without a name that holds `bytes`.
FileDescriptor MemoryFile(std::string_view name, std::string_view bytes) {
  FileDescriptor file(::memfd_create("pdf", MFD_CLOEXEC));
  if (file.get() < 0) FailSystem(name, "make a file in memory", errno);
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) FailSystem(name, "fill a file in memory", errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

struct Pipe {
  explicit Pipe(std::string_view name) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) FailSystem(name, "make a pipe", errno);
    read = FileDescriptor(ends[0]);
    write = FileDescriptor(ends[1]);
  }
  FileDescriptor read, write;
};

/// A running program, killed at scope exit where it has not ended.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// What `waitpid` says of it, or nothing when it has not ended by the deadline.
  std::optional<int> WaitUntil(Clock::time_point deadline) {
    int status = 0;
    for (;;) {
      const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
      if (ended == pid_ || (ended < 0 && errno == ECHILD)) break;  // none: SIGCHLD is ignored, and nothing is told
      if (Clock::now() >= deadline) return std::nullopt;
      ::poll(nullptr, 0, 1);
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

/// pdftotext with its input and output in place. Its limits hold even if this process is killed.
pid_t StartConverter(std::string_view name, int input, int output, int complaints, const PdfLimits& limits) {
  char program[] = "pdftotext", encoding[] = "-enc", utf8[] = "UTF-8", joined[] = "-nopgbrk", from[] = "/dev/stdin",
       to[] = "-";
  char* const arguments[] = {program, encoding, utf8, joined, from, to, nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, program, &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) {
    Throw(
        ErrorCode::kUnsupported,
        "--doc {}: a PDF needs pdftotext, which is not on the PATH; install the package poppler-utils, or convert the "
        "file to text first",
        Printable(name, kShownBytes));
  }
  if (error != 0) FailSystem(name, "start a process", error);
  const rlim_t seconds = static_cast<rlim_t>(limits.time_ms / 1000 + 1);
  const rlimit cpu = {seconds, seconds}, memory = {kMostMemoryBytes, kMostMemoryBytes};
  ::prlimit(pid, RLIMIT_CPU, &cpu, nullptr);
  ::prlimit(pid, RLIMIT_AS, &memory, nullptr);
  return pid;
}

/// Appends what can be read now; false at the end.
bool ReadSome(int fd, std::string& to) {
  char buffer[1 << 16];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  to.append(buffer, static_cast<size_t>(n));
  return n > 0;
}

struct Output {
  std::string text, complaints;
};

enum class Limit { kNone, kTime, kText };

/// Reads both pipes to their ends, or up to a limit.
Limit Collect(int text_fd, int complaints_fd, Clock::time_point deadline, int64_t most_bytes, Output& output) {
  pollfd pipes[] = {{text_fd, POLLIN, 0}, {complaints_fd, POLLIN, 0}};
  while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Limit::kTime;
    if (::poll(pipes, std::size(pipes), static_cast<int>(std::min<int64_t>(left, 1 << 30))) <= 0) continue;
    if (pipes[0].revents != 0 && !ReadSome(text_fd, output.text)) pipes[0].fd = -1;
    if (pipes[1].revents != 0 && !ReadSome(complaints_fd, output.complaints)) pipes[1].fd = -1;
    if (static_cast<int64_t>(output.text.size()) > most_bytes) return Limit::kText;
    output.complaints.resize(std::min(output.complaints.size(), kComplaintBytes));
  }
  return Limit::kNone;
}

[[noreturn]] void RejectLimit(std::string_view name, Limit limit, const PdfLimits& limits) {
  if (limit == Limit::kText) {
    Throw(ErrorCode::kCapacity, "--doc {}: pdftotext wrote more than {} bytes of text, the most that is read; split it",
          Printable(name, kShownBytes), limits.text_bytes);
  }
  Throw(ErrorCode::kCapacity,
        "--doc {}: pdftotext took longer than {:g} s and was ended; convert the file to text first",
        Printable(name, kShownBytes), static_cast<double>(limits.time_ms) / 1000);
}

[[noreturn]] void RejectFailure(std::string_view name, int status, const std::string& complaints) {
  const std::string end = WIFEXITED(status) ? fmt::format("exit status {}", WEXITSTATUS(status))
                                            : fmt::format("signal {}", WTERMSIG(status));
  const std::string_view line = std::string_view(complaints).substr(0, complaints.find('\n'));
  Throw(ErrorCode::kFormat, "--doc {}: pdftotext cannot read it ({}){}{}; convert the file to text first",
        Printable(name, kShownBytes), end, line.empty() ? "" : ": ", Printable(line, kShownBytes));
}

}  // namespace

std::string PdfText(std::string_view name, std::string_view pdf, const PdfLimits& limits) {
  const FileDescriptor input = MemoryFile(name, pdf);
  Pipe text(name), complaints(name);
  Child converter(StartConverter(name, input.get(), text.write.get(), complaints.write.get(), limits));
  text.write.Close();
  complaints.write.Close();
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(limits.time_ms);
  Output output;
  const Limit limit = Collect(text.read.get(), complaints.read.get(), deadline, limits.text_bytes, output);
  if (limit != Limit::kNone) RejectLimit(name, limit, limits);
  const std::optional<int> status = converter.WaitUntil(deadline);
  if (!status.has_value()) RejectLimit(name, Limit::kTime, limits);
  if (*status != 0) RejectFailure(name, *status, output.complaints);
  return std::move(output.text);
}

}  // namespace longshot
