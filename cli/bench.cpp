#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <random>

#include "session/bare_sequence.h"
#include "cli/bench_report.h"
#include "cli/command.h"
#include "session/interrupt.h"
#include "session/memory_plan.h"
#include "session/output.h"
#include "session/progress.h"
#include "session/roofs.h"
#include "session/session.h"
#include "core/error.h"
#include "core/printable.h"
#include "core/stopwatch.h"

namespace longshot {
namespace {

struct BenchOptions {
  RuntimeOptions runtime;
  std::string prompts = "512";
  std::string gens = "128";
  std::string depths = "0";
  std::string rows;
  int64_t repetitions = 5;
  int64_t seed = 1;
  std::string format = "md";

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "n_prompt", .flags = "-p,--n-prompt", .unit = "LIST", .help = "prompt lengths; 0: none"},
          self.prompts);
    visit(Field{.name = "n_gen", .flags = "-n,--n-gen", .unit = "LIST", .help = "decoded tokens; 0: none"}, self.gens);
    visit(Field{.name = "n_depth", .flags = "-d,--n-depth", .unit = "LIST", .help = "cached tokens before each test"},
          self.depths);
    visit(Field{.name = "n_rows", .flags = "--rows", .unit = "LIST", .help = "rows verified in one pass"}, self.rows);
    visit(Field{.name = "repetitions",
                .flags = "-r,--repetitions",
                .minimum = 1,
                .maximum = 1000,
                .help = "of every test, interleaved"},
          self.repetitions);
    visit(Field{.name = "seed", .flags = "-s,--seed", .minimum = 0, .help = "of the random token ids"}, self.seed);
    visit(
        Field{.name = "format", .flags = "-o,--output", .choices = {"md", "json", "csv"}, .help = "form of the result"},
        self.format);
    RuntimeOptions::VisitFields(self.runtime, visit);
  }
};

/// Passes that one repetition of a `rows` test averages over: a single pass is too short to time.
constexpr int kPassesPerSample = 4;
constexpr int64_t kMaxRows = 512;

std::vector<int64_t> ParseList(const std::string& text, const char* flag, int64_t least) {
  std::vector<int64_t> values;
  for (size_t begin = 0; begin <= text.size() && !text.empty();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + comma, value);
    if (error != std::errc() || stop != text.data() + comma || value < least || value > (1 << 30)) {
      Throw(ErrorCode::kUsage, "{}: expected numbers of at least {} separated by commas, got '{}'", flag, least,
            Printable(text));
    }
    values.push_back(value);
    begin = comma + 1;
  }
  return values;
}

std::vector<BenchEntry> Plan(const BenchOptions& options) {
  std::vector<BenchEntry> entries;
  for (const int64_t depth : ParseList(options.depths, "-d", 0)) {
    for (const int64_t n : ParseList(options.prompts, "-p", 0)) {
      if (n > 0) entries.push_back({.n_prompt = n, .n_depth = depth});
    }
    for (const int64_t n : ParseList(options.gens, "-n", 0)) {
      if (n > 0) entries.push_back({.n_gen = n, .n_depth = depth});
    }
    for (const int64_t n : ParseList(options.rows, "--rows", 1)) {
      if (n > kMaxRows) Throw(ErrorCode::kUsage, "--rows: expected at most {}, got {}", kMaxRows, n);
      entries.push_back({.n_rows = n, .n_depth = depth});
    }
  }
  if (entries.empty()) Throw(ErrorCode::kUsage, "bench: expected a test: -p, -n or --rows with -d");
  return entries;
}

/// Runs the tests of one depth after another; repetitions of the tests at a depth take turns.
class Bench {
 public:
  Bench(const Model* model, const BareSequence::Options& options, uint64_t seed)
      : vocab_(model->config().vocab_size), pass_rows_(options.pass_rows), random_(seed), sequence_(model, options) {}

  void Run(std::span<BenchEntry> entries, int64_t repetitions) {
    for (size_t begin = 0; begin < entries.size() && !Interrupted();) {
      size_t end = begin;
      while (end < entries.size() && entries[end].n_depth == entries[begin].n_depth) ++end;
      RunDepth(entries.subspan(begin, end - begin), repetitions);
      begin = end;
    }
  }

 private:
  void RunDepth(std::span<BenchEntry> entries, int64_t repetitions) {
    const int64_t depth = entries[0].n_depth;
    Note(fmt::format("bench: depth {}", depth));
    Prefill(depth);
    for (BenchEntry& entry : entries) {
      if (Interrupted()) return;
      Sample(entry);  // warms up
    }
    for (int64_t r = 0; r < repetitions; ++r) {
      for (BenchEntry& entry : entries) {
        if (Interrupted()) return;
        if (r == 0) entry.test_time = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
        entry.samples_ms.push_back(Sample(entry));
      }
    }
  }

  void Prefill(int64_t depth) {
    sequence_.Truncate(0);
    const std::vector<Token> tokens = RandomTokens(depth);
    Progress progress("prefill");
    for (int64_t done = 0; done < depth && !Interrupted();) {
      const int64_t rows = std::min(pass_rows_, depth - done);
      sequence_.Feed(std::span(tokens).subspan(static_cast<size_t>(done), static_cast<size_t>(rows)));
      progress.Show(done += rows, depth);
    }
    progress.Finish();
  }

  /// Milliseconds of one repetition.
  double Sample(const BenchEntry& entry) {
    sequence_.Truncate(entry.n_depth);
    const std::vector<Token> tokens = RandomTokens(entry.tokens());
    Stopwatch watch;
    if (entry.n_prompt > 0) {
      sequence_.Feed(tokens);
      return watch.LapMs();
    }
    if (entry.n_gen > 0) {
      for (const Token& token : tokens) sequence_.FeedForLogits({&token, 1}, /*prompt=*/false);
      return watch.LapMs();
    }
    for (int i = 0; i < kPassesPerSample; ++i) sequence_.Verify(tokens);
    return watch.LapMs() / kPassesPerSample;
  }

  std::vector<Token> RandomTokens(int64_t count) {
    std::vector<Token> tokens(static_cast<size_t>(count));
    for (Token& token : tokens) token = static_cast<Token>(random_() % static_cast<uint64_t>(vocab_));
    return tokens;
  }

  int64_t vocab_, pass_rows_;
  std::mt19937_64 random_;
  BareSequence sequence_;
};

void SetFloors(std::span<BenchEntry> entries, const Model& model, const Roofs& roofs, int64_t kv_bytes) {
  for (BenchEntry& entry : entries) {
    if (entry.n_prompt > 0) {
      entry.floor_ms = PrefillFloorMs(WorkOfPass(model, entry.n_depth, entry.n_prompt, false, kv_bytes), roofs);
    } else if (entry.n_rows > 0) {
      entry.floor_ms = FloorMs(WorkOfPass(model, entry.n_depth, entry.n_rows, true, kv_bytes), roofs);
    } else {
      for (int64_t i = 0; i < entry.n_gen; ++i) {
        entry.floor_ms += FloorMs(WorkOfPass(model, entry.n_depth + i, 1, true, kv_bytes), roofs);
      }
    }
  }
}

int64_t ContextOf(const BenchEntry& entry) { return entry.n_depth + entry.tokens(); }

const BenchEntry& Longest(std::span<const BenchEntry> entries) {
  return *std::max_element(entries.begin(), entries.end(),
                           [](const BenchEntry& a, const BenchEntry& b) { return ContextOf(a) < ContextOf(b); });
}

/// "-d 8000 with -p 512 (8512 tokens)".
std::string Asked(const BenchEntry& entry) {
  const char* flag = entry.n_prompt > 0 ? "-p" : entry.n_gen > 0 ? "-n" : "--rows";
  return fmt::format("-d {} with {} {} ({} tokens)", entry.n_depth, flag, entry.tokens(), ContextOf(entry));
}

int64_t MostRows(std::span<const BenchEntry> entries) {
  int64_t most = 1;
  for (const BenchEntry& entry : entries) most = std::max(most, entry.n_rows);
  return most;
}

std::string ModelType(const ModelFile& file) {
  std::string type = file.config().architecture;
  if (const TensorInfo* tensor = file.Find("blk.0.ffn_up.weight"))
    type = fmt::format("{} {}", type, Info(tensor->type).name);
  return type;
}

void CountModel(const ModelFile& file, BenchSetting& setting) {
  for (const TensorInfo& tensor : file.tensors()) {
    setting.model_bytes += static_cast<int64_t>(tensor.bytes.size());
    setting.model_parameters += tensor.elements();
  }
}

}  // namespace

int RunBench(std::span<const std::string> arguments) {
  BenchOptions options;
  CommandLine line("bench", "Speed of prefill (pp), decoding (tg) and verification (rows), as llama-bench tells it.");
  line.Add({"Options", BindFields(options)});
  line.Example("longshot bench -p 512 -n 64 -d 0,4096 --rows 1,4,16 -r 3");
  if (!ParseArguments(line, arguments)) return 0;

  std::vector<BenchEntry> entries = Plan(options);
  const auto file = OpenDecoder(options.runtime.file.model);
  const BenchEntry& longest = Longest(entries);
  const int64_t context = ContextOf(longest);
  const ModelConfig config = ExtendContext(file->config(), options.runtime, context);
  RequireContext(config, context, Asked(longest));
  BenchSetting setting{.model_path = options.runtime.file.model,
                       .model_type = ModelType(*file),
                       .n_batch = options.runtime.batch_size,
                       .n_ubatch = options.runtime.ubatch_size,
                       .type_k = options.runtime.cache_type_k,
                       .type_v = options.runtime.cache_type_v};
  CountModel(*file, setting);

  const auto backend = MakeBackend(options.runtime, *file);
  setting.backend = backend->Describe();
  setting.roofs = ProbeRoofs(*backend);
  const DType k_type = CacheType(setting.type_k), v_type = CacheType(setting.type_v);
  constexpr int64_t kSampleRows = 4096;
  const int64_t kv_bytes = backend->KvBytes({.layers = config.layers,
                                             .kv_heads = config.kv_heads,
                                             .head_dim = config.head_dim,
                                             .capacity = kSampleRows,
                                             .k_type = k_type,
                                             .v_type = v_type}) /
                           kSampleRows;

  const BareSequence::Options sequence{.capacity = context,
                                       .k_type = k_type,
                                       .v_type = v_type,
                                       .pass_rows = PassRows(options.runtime),
                                       .logit_rows = MostRows(entries)};
  RequireMemory(*backend, *file, BareSequence::Memory(sequence));
  const auto model = LoadModel(*backend, file, config);

  CatchInterrupt();
  Bench bench(model.get(), sequence, static_cast<uint64_t>(options.seed));
  bench.Run(entries, options.repetitions);
  KeepMeasured(entries);
  SetFloors(entries, *model, setting.roofs, kv_bytes);
  if (!entries.empty()) WriteOutput(FormatBench(options.format, setting, entries));
  return Interrupted() ? kInterruptedStatus : 0;
}

}  // namespace longshot
