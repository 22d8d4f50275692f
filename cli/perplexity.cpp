#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "session/bare_sequence.h"
#include "cli/command.h"
#include "session/likelihood.h"
#include "session/memory_plan.h"
#include "session/output.h"
#include "session/own_file.h"
#include "session/progress.h"
#include "session/report.h"
#include "session/session.h"
#include "core/error.h"
#include "core/text_file.h"

namespace longshot {
namespace {

struct PerplexityOptions {
  RuntimeOptions runtime;
  std::string path;
  int64_t ctx_size = 512;
  bool all = false;
  bool decode = false;
  std::string json;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "file", .flags = "-f,--file", .unit = "PATH", .help = "text file; - is standard input"},
          self.path);
    visit(Field{.name = "ctx_size",
                .flags = "-c,--ctx-size",
                .minimum = 4,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "window; each begins with an empty cache"},
          self.ctx_size);
    visit(Field{.name = "all", .flags = "--all", .help = "score every position, not the second half of each window"},
          self.all);
    visit(Field{.name = "decode", .flags = "--decode", .help = "one token per pass, as decoding computes it"},
          self.decode);
    visit(Field{.name = "json", .flags = "--json", .unit = "FILE", .help = "write the result as JSON"}, self.json);
    RuntimeOptions::VisitFields(self.runtime, visit);
  }
};

/// Most rows of a pass that is scored, whose logits are held at once; passes that are not take -ub rows.
constexpr int64_t kLogitRows = 32;

/// Scores one window from an empty cache: position i predicts token i + 1, from `first_scored` on. Scored rows are a
/// prompt's, or, one row a pass, those of decoding.
void ScoreWindow(BareSequence& sequence, std::span<const Token> window, int64_t first_scored, int64_t pass_rows,
                 bool decode, Likelihood& total) {
  sequence.Truncate(0);
  sequence.Feed(window.first(static_cast<size_t>(first_scored)));
  const int64_t last = static_cast<int64_t>(window.size()) - 1;  // predicts nothing in this window
  for (int64_t begin = first_scored; begin < last; begin += pass_rows) {
    const int64_t rows = std::min(pass_rows, last - begin);
    const std::span<const float> logits =
        sequence.FeedForLogits(window.subspan(static_cast<size_t>(begin), static_cast<size_t>(rows)), !decode);
    const int64_t vocab = std::ssize(logits) / rows;
    for (int64_t row = 0; row < rows; ++row) {
      total.Add(NegativeLogLikelihood(logits.subspan(static_cast<size_t>(row * vocab), static_cast<size_t>(vocab)),
                                      window[static_cast<size_t>(begin + row + 1)]));
    }
  }
}

std::vector<Token> ReadTokens(const PerplexityOptions& options, const Tokenizer& tokenizer) {
  if (options.path.empty()) Throw(ErrorCode::kUsage, "perplexity: expected a text with -f FILE");
  const std::string text = ReadText("-f", options.path);
  std::vector<Token> tokens = tokenizer.Encode(text, {.add_bos = tokenizer.adds_bos()});
  const size_t least = options.all ? 2 : static_cast<size_t>(options.ctx_size);
  if (tokens.size() < least) {
    Throw(ErrorCode::kCapacity, "{}: expected at least {} tokens, got {}; {}", options.path, least, tokens.size(),
          options.all ? "give a longer text" : "lower -c, or score every position with --all");
  }
  return tokens;
}

/// llama.cpp scores whole windows only; with --all the remainder is a shorter window of its own.
Likelihood ScoreText(BareSequence& sequence, std::span<const Token> tokens, const PerplexityOptions& options,
                     int64_t logit_rows, Token bos) {
  Likelihood total;
  Progress progress("perplexity");
  const int64_t size = static_cast<int64_t>(tokens.size());
  for (int64_t begin = 0; begin < size; begin += options.ctx_size) {
    const int64_t length = std::min(options.ctx_size, size - begin);
    if (length < (options.all ? 2 : options.ctx_size)) break;
    const auto source = tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(length));
    std::vector<Token> window(source.begin(), source.end());
    if (bos != kNoToken) window[0] = bos;
    ScoreWindow(sequence, window, options.all ? 0 : options.ctx_size / 2, logit_rows, options.decode, total);
    progress.Show(begin + length, size);
  }
  progress.Finish();
  return total;
}

}  // namespace

int RunPerplexity(std::span<const std::string> arguments) {
  PerplexityOptions options;
  CommandLine line("perplexity", "How well the model predicts a text: windows of -c tokens from an empty cache.");
  line.Add({"Options", BindFields(options)});
  line.Example("longshot perplexity -f report.txt -c 2048 --all");
  if (!ParseArguments(line, arguments)) return 0;

  RequireOwnFile({"--json", options.json}, FilesRead(options.runtime.file.model, {}, options.path));
  const ResultFile result(options.json);
  const auto file = OpenDecoder(options.runtime.file.model);
  const Tokenizer tokenizer = LoadTokenizer(*file);
  const std::vector<Token> tokens = ReadTokens(options, tokenizer);
  const ModelConfig config = ExtendContext(file->config(), options.runtime, options.ctx_size);
  ResolveContext(config, options.ctx_size, 0, 0);
  const auto backend = MakeBackend(options.runtime, *file);
  const int64_t pass_rows = options.decode ? 1 : PassRows(options.runtime);
  const int64_t logit_rows = std::min(pass_rows, kLogitRows);
  const BareSequence::Options settings{.capacity = options.ctx_size,
                                       .k_type = CacheType(options.runtime.cache_type_k),
                                       .v_type = CacheType(options.runtime.cache_type_v),
                                       .pass_rows = pass_rows,
                                       .logit_rows = logit_rows};
  RequireMemory(*backend, *file, BareSequence::Memory(settings));
  const auto model = LoadModel(*backend, file, config);
  BareSequence sequence(model.get(), settings);
  const Likelihood total =
      ScoreText(sequence, tokens, options, logit_rows, tokenizer.adds_bos() ? tokenizer.bos() : kNoToken);
  const double perplexity = total.Perplexity();
  WriteOutput(
      fmt::format("tokens scored: {}\nmean negative log-likelihood: {:.6f} +/- {:.6f}\n"
                  "perplexity: {:.4f} +/- {:.4f}\n",
                  total.count, total.Mean(), total.StandardError(), perplexity, perplexity * total.StandardError()));
  if (result.wanted()) {
    result.Write(Dump({{"n_tokens", total.count},
                       {"mean_nll", total.Mean()},
                       {"nll_standard_error", total.StandardError()},
                       {"perplexity", perplexity},
                       {"perplexity_standard_error", perplexity * total.StandardError()},
                       {"path", options.decode ? "decode" : "prompt"},
                       {"config", ToJson(BindFields(options))},
                       {"device", DeviceJson(backend->Describe())}}));
  }
  return 0;
}

}  // namespace longshot
