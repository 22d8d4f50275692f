#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace longshot {

inline const char* const kLongshot = LONGSHOT_BINARY_DIR "/longshot";
inline const char* const kModel = LONGSHOT_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";

inline bool HasModel() { return std::filesystem::exists(kModel); }

struct Outcome {
  int status = -1;  ///< exit status, or 128 + signal
  std::string out;
  std::string err;
};

/// Reads what a file descriptor delivers until its end, then closes it.
inline std::string Drain(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(n));
  ::close(fd);
  return text;
}

/// A started `longshot`; standard error goes to a file, so that the pipe of standard output cannot block it.
class Process {
 public:
  /// `stdout_path`: written to instead of a pipe when not empty. `folder`: where it runs.
  explicit Process(std::vector<std::string> arguments, const std::string& stdout_path = "",
                   const std::string& folder = ".") {
    error_path_ = (std::filesystem::temp_directory_path() / "longshot-err-XXXXXX").string();
    const int err = ::mkstemp(error_path_.data());
    if (err < 0) std::abort();
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      const int out = stdout_path.empty() ? pipe_ends[1] : ::open(stdout_path.c_str(), O_WRONLY);
      ::dup2(out, STDOUT_FILENO);
      ::dup2(err, STDERR_FILENO);
      ::close(pipe_ends[0]);
      ::close(pipe_ends[1]);
      arguments.insert(arguments.begin(), kLongshot);
      std::vector<char*> argv;
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      if (::chdir(folder.c_str()) == 0) ::execv(kLongshot, argv.data());
      ::_exit(127);
    }
    ::close(pipe_ends[1]);
    ::close(err);
    out_ = pipe_ends[0];
  }

  pid_t pid() const { return pid_; }
  int out() const { return out_; }

  Outcome Wait() {
    Outcome outcome;
    outcome.out = Drain(out_);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    std::ifstream err(error_path_);
    outcome.err.assign(std::istreambuf_iterator<char>(err), {});
    std::filesystem::remove(error_path_);
    return outcome;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string error_path_;
};

inline Outcome RunLongshot(std::vector<std::string> arguments, const std::string& stdout_path = "",
                           const std::string& folder = ".") {
  return Process(std::move(arguments), stdout_path, folder).Wait();
}

/// One clear line, nothing on standard output.
inline void ExpectFailure(const Outcome& outcome, int status, const std::string& part) {
  EXPECT_EQ(outcome.status, status) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_TRUE(outcome.err.starts_with("error: ")) << outcome.err;
  EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err << " lacks " << part;
}

}  // namespace longshot
