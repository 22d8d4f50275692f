#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/command.h"
#include "session/output.h"
#include "session/session.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "core/printable.h"

namespace longshot {
namespace {

struct TokenizeOptions {
  ModelOptions file;
  std::string path;
  std::string prompt;
  bool ids = false;
  bool bos = false;
  bool special = false;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    ModelOptions::VisitFields(self.file, visit);
    visit(Field{.name = "file", .flags = "-f,--file", .unit = "PATH", .help = "text file; - is standard input"},
          self.path);
    visit(Field{.name = "prompt", .flags = "-p,--prompt", .help = "the text itself"}, self.prompt);
    visit(Field{.name = "ids", .flags = "--ids", .help = "one line of ids instead of one piece per line"}, self.ids);
    visit(Field{.name = "bos", .flags = "--bos", .help = "begin with the BOS token"}, self.bos);
    visit(Field{.name = "special", .flags = "--special", .help = "read control tokens written out in the text"},
          self.special);
  }
};

std::string Text(const TokenizeOptions& options) {
  if (options.path.empty() == options.prompt.empty()) {
    Throw(ErrorCode::kUsage, "tokenize: expected either -f FILE or -p TEXT");
  }
  if (options.path.empty()) return options.prompt;
  return ReadFile(options.path == "-" ? "/dev/stdin" : options.path);
}

}  // namespace

int RunTokenize(std::span<const std::string> arguments) {
  TokenizeOptions options;
  CommandLine line("tokenize", "A text as tokens.");
  line.Add({"Options", BindFields(options)});
  if (!ParseArguments(line, arguments)) return 0;

  const std::string text = Text(options);
  const Tokenizer tokenizer = ReadTokenizer(*OpenModelFile(options.file.model));
  const std::vector<Token> tokens = tokenizer.Encode(text, {.parse_special = options.special, .add_bos = options.bos});
  if (options.ids) {
    WriteOutput(fmt::format("{}\n", fmt::join(tokens, " ")));
    return 0;
  }
  std::string out;
  for (const Token token : tokens) {
    out += fmt::format("{:>6} -> '{}'\n", token, Printable(tokenizer.Piece(token, true), 1000));
  }
  WriteOutput(out);
  return 0;
}

}  // namespace longshot
