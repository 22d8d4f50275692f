#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "session/build_info.h"
#include "cli/command.h"
#include "cli/demo_table.h"
#include "session/document.h"
#include "session/document_rows.h"
#include "session/generate_options.h"
#include "session/idle_drafter.h"
#include "session/interrupt.h"
#include "session/loaded_target.h"
#include "session/output.h"
#include "session/own_file.h"
#include "session/report.h"
#include "session/session.h"
#include "core/error.h"
#include "runtime/text/chat_format.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

using nlohmann::json;

struct DemoOptions {
  RuntimeOptions runtime;
  std::vector<std::string> documents;
  int64_t document_tokens = 6500;
  int64_t n_predict = 256;
  int64_t repetitions = 4;
  int64_t seed = 1;
  SamplingConfig sampling = {.temperature = 0.7};
  std::string json;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "documents",
                .flags = "--doc",
                .unit = "PATH",
                .help = "the document: files or folders; may be repeated"},
          self.documents);
    visit(Field{.name = "document_tokens",
                .flags = "--doc-tokens",
                .minimum = 16,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "the document is cut at the end of a line after this many"},
          self.document_tokens);
    visit(Field{.name = "n_predict",
                .flags = "-n,--n-predict",
                .minimum = 1,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "longest answer"},
          self.n_predict);
    visit(Field{.name = "repetitions",
                .flags = "-r,--repetitions",
                .minimum = 1,
                .maximum = 1000,
                .help = "of every task, each with its own question and seed"},
          self.repetitions);
    visit(Field{.name = "seed",
                .flags = "-s,--seed",
                .minimum = 0,
                .maximum = 9007199254740992.0,
                .help = "of the first repetition"},
          self.seed);
    visit(Field{.name = "json", .flags = "--json", .unit = "FILE", .help = "write the table as JSON"}, self.json);
    RuntimeOptions::VisitFields(self.runtime, visit);
    SamplingConfig::VisitFields(self.sampling, visit);
  }
};

enum class Task : uint8_t { kQuestion, kCopying };
constexpr Task kTasks[] = {Task::kQuestion, Task::kCopying};
std::string_view Name(Task task) { return task == Task::kQuestion ? "question" : "copying"; }

/// One for each repetition, and from the beginning again.
constexpr std::string_view kQuestions[] = {
    "What is this document for, and how do its parts work together? Answer in your own words.",
    "Which are the most important points of this document, and why?",
    "Explain to a new colleague what this document says and whom it concerns.",
    "Write a summary of this document for a magazine.",
    "What would somebody criticise who disagrees with this document?"};
/// Tokens of a quoted section, and of its beginning that the answer is given: small models know then what is wanted.
constexpr int64_t kSectionTokens = 300, kGivenTokens = 24;

/// The first `limit` tokens of a document, up to the end of a line.
std::string CutDocument(const Tokenizer& tokenizer, std::string document, int64_t limit) {
  const std::vector<Token> tokens = tokenizer.Encode(document);
  if (static_cast<int64_t>(tokens.size()) <= limit) return document;
  std::string cut = tokenizer.Decode(std::span(tokens).first(static_cast<size_t>(limit)));
  const size_t newline = cut.rfind('\n');
  if (newline != std::string::npos) cut.resize(newline + 1);
  return cut;
}

/// Whole lines from where `share` of a document has passed, about `tokens` of them.
std::string Section(const Tokenizer& tokenizer, const std::string& document, double share, int64_t tokens) {
  const size_t line = document.find('\n', static_cast<size_t>(static_cast<double>(document.size()) * share));
  if (line == std::string::npos) return CutDocument(tokenizer, document, tokens);
  return CutDocument(tokenizer, document.substr(line + 1), tokens);
}

/// Prompts about one document: another question, another section in each repetition.
class Prompts {
 public:
  Prompts(const Tokenizer& tokenizer, const DemoOptions& options)
      : tokenizer_(tokenizer),
        format_(RecognizeChatFormat(tokenizer.vocabulary().chat_template)),
        repetitions_(options.repetitions) {
    if (options.documents.empty()) Throw(ErrorCode::kUsage, "demo: expected a long document with --doc");
    document_ = CutDocument(tokenizer, ReadDocumentText(options.documents), options.document_tokens);
  }

  /// What all of them begin with.
  std::vector<Token> Document() const {
    ChatPrompt prompt;
    prompt.document = document_;
    return EncodeChatDocument(tokenizer_, format_, prompt);
  }

  std::vector<Token> Of(Task task, int64_t repetition) const {
    ChatPrompt prompt;
    prompt.document = document_;
    if (task == Task::kQuestion) {
      prompt.question = kQuestions[static_cast<size_t>(repetition) % std::size(kQuestions)];
      return EncodeChat(tokenizer_, format_, prompt);
    }
    const double share = static_cast<double>(repetition + 1) / static_cast<double>(repetitions_ + 2);
    const std::string section = Section(tokenizer_, document_, share, kSectionTokens);
    prompt.question = "Repeat this section of the document word for word, changing nothing:\n\n" + section;
    std::vector<Token> tokens = EncodeChat(tokenizer_, format_, prompt);
    const std::vector<Token> answer = tokenizer_.Encode(section);
    tokens.insert(tokens.end(), answer.begin(), answer.begin() + std::min(kGivenTokens, std::ssize(answer)));
    return tokens;
  }

  int64_t Longest() const {
    int64_t longest = 0;
    for (const Task task : kTasks) {
      for (int64_t r = 0; r < repetitions_; ++r) longest = std::max(longest, std::ssize(Of(task, r)));
    }
    return longest;
  }

 private:
  const Tokenizer& tokenizer_;
  ChatFormat format_;
  int64_t repetitions_;
  std::string document_;
};

/// Answers every task with plain decoding and with each drafter, taking turns.
class Demo {
 public:
  Demo(const DemoOptions& options, const Tokenizer& tokenizer, ModelTarget& target, std::vector<Token> document)
      : options_(options),
        tokenizer_(tokenizer),
        target_(target),
        document_(target, std::move(document)),
        verifier_(MakeVerifier("coupled")) {
    for (const DrafterEntry& entry : Drafters()) {
      if (entry.need != DraftNeed::kNothing) continue;
      contestants_.emplace_back().type = entry.name;
      tap_rows_ = std::max<int64_t>(tap_rows_, MakeDrafter(contestants_.back())->Needs().prefill_rows);
    }
  }

  void Run(const Prompts& prompts) {
    for (const Task task : kTasks) {
      for (DrafterConfig& contestant : contestants_) cells_.push_back({std::string(Name(task)), contestant.type, {}});
    }
    if (!document_.Read()) return;
    for (int64_t r = 0; r < options_.repetitions; ++r) {
      for (size_t task = 0; task < std::size(kTasks); ++task) {
        if (!RunTask(task, prompts.Of(kTasks[task], r), r)) return;
      }
    }
  }

  /// Lines of the tasks that every drafter finished.
  std::vector<DemoLine> Lines() const {
    std::vector<DemoLine> lines;
    for (size_t i = 0; i < cells_.size(); ++i) {
      const DemoCell& plain = cells_[i / contestants_.size() * contestants_.size()];
      if (!plain.runs.empty()) lines.push_back(MakeDemoLine(cells_[i], plain));
    }
    return lines;
  }

 private:
  /// One repetition of a task, each time begun by another drafter; kept only when it was not interrupted.
  bool RunTask(size_t task, std::span<const Token> prompt, int64_t repetition) {
    std::vector<DemoRun> runs(contestants_.size());
    for (size_t i = 0; i < runs.size(); ++i) {
      const size_t turn = (i + static_cast<size_t>(repetition)) % runs.size();
      DrafterConfig& contestant = contestants_[turn];
      Note(fmt::format("\n--- {}, {}, run {} of {}", Name(kTasks[task]), contestant.type, repetition + 1,
                       options_.repetitions));
      const Answer answer = AnswerOnce(contestant, prompt, repetition);
      if (Interrupted()) return false;
      runs[turn] = ToDemoRun(answer, document_.TotalMs(answer.result.metrics));
      const GenerationMetrics& metrics = answer.result.metrics;
      Note(fmt::format("\n{}", SpeedLine(metrics)));
      if (!metrics.arms.empty()) {
        Note(ExplainChoices(contestant.type, metrics.arms, metrics.idle, metrics.target_passes));
      }
    }
    for (size_t i = 0; i < runs.size(); ++i) cells_[task * contestants_.size() + i].runs.push_back(std::move(runs[i]));
    return true;
  }

  Answer AnswerOnce(DrafterConfig& contestant, std::span<const Token> prompt, int64_t repetition) {
    const auto drafter = MakeDrafter(contestant);
    Engine engine(&target_, verifier_.get(), drafter.get());
    AnswerRequest request;
    request.prompt = prompt;
    request.restore = [&](SequenceId sequence) { return document_.CopyTo(sequence, SharedRows(prompt, tap_rows_)); };
    request.sampling = options_.sampling;
    request.seed = static_cast<uint64_t>(options_.seed + repetition);
    request.max_tokens = options_.n_predict;
    SizeDrafts(target_, contestant, request);
    request.on_text = WriteOutput;
    return RunAnswer(engine, tokenizer_, request);
  }

  const DemoOptions& options_;
  const Tokenizer& tokenizer_;
  ModelTarget& target_;
  DocumentRows document_;
  std::unique_ptr<Verifier> verifier_;
  int64_t tap_rows_ = 0;
  std::vector<DrafterConfig> contestants_;  ///< resolved in their first run, so that the others repeat it
  std::vector<DemoCell> cells_;             ///< [tasks, contestants]
};

json Report(std::span<const DemoLine> lines, DemoOptions& options, const BackendInfo& backend) {
  json table = json::array();
  for (const DemoLine& line : lines) table.push_back(ToJson(line));
  return {{"table", table},
          {"config", ToJson(BindFields(options))},
          {"build", BuildJson()},
          {"device", DeviceJson(backend)}};
}

std::string PairsNote(int64_t runs) {
  constexpr int64_t kMeasurement = 7;
  return fmt::format("{} runs of every line, each with its own question and seed; in brackets {}", runs,
                     runs >= kMeasurement
                         ? "95 % intervals of the medians"
                         : fmt::format("least and most: a look, not a measurement (-r {})", kMeasurement));
}

}  // namespace

int RunDemo(std::span<const std::string> arguments) {
  DemoOptions options;
  CommandLine line("demo", "Plain decoding and every drafter on the same questions about a document, and a table.");
  line.Add({"Options", BindFields(options)});
  line.Example("longshot demo --doc report.txt -n 256 -r 2");
  if (!ParseArguments(line, arguments)) return 0;

  RequireOwnFile({"--json", options.json}, FilesRead(options.runtime.file.model, options.documents));
  const ResultFile result(options.json);
  const auto file = OpenDecoder(options.runtime.file.model);
  const Tokenizer tokenizer = LoadTokenizer(*file);
  const Prompts prompts(tokenizer, options);
  const int64_t prompt_tokens = prompts.Longest();
  const ModelConfig config = ExtendContext(file->config(), options.runtime, prompt_tokens + options.n_predict);
  const int64_t context = ResolveContext(config, 0, prompt_tokens, prompt_tokens + options.n_predict);

  CatchInterrupt();
  int64_t draft_bytes = 0;  // drafters take turns; auto holds what several hold
  for (const DrafterEntry& entry : Drafters()) {
    if (entry.need != DraftNeed::kNothing) continue;
    draft_bytes = std::max(draft_bytes, entry.most_bytes({context, config.vocab_size}));
  }
  std::vector<Token> document = prompts.Document();
  LoadedTarget loaded =
      LoadTarget(options.runtime, file, config,
                 {.context = context, .kept_tokens = std::ssize(document), .draft_bytes = draft_bytes});
  Note(fmt::format("document and question: {} tokens; temperature {}", prompt_tokens, options.sampling.temperature));
  Demo demo(options, tokenizer, *loaded.target, std::move(document));
  demo.Run(prompts);
  const std::vector<DemoLine> lines = demo.Lines();
  WriteOutput(fmt::format("\n{}", FormatDemoTable(lines)));
  if (!lines.empty()) Note(PairsNote(lines[0].runs));
  if (result.wanted()) result.Write(Dump(Report(lines, options, loaded.backend->Describe())));
  if (Interrupted()) return kInterruptedStatus;
  for (const DemoLine& each : lines) {
    if (!each.identical) {
      Throw(ErrorCode::kFormat, "{} changed the output of plain decoding on task {}: this is a bug", each.drafter,
            each.task);
    }
  }
  RequireProposals(lines);
  return 0;
}

}  // namespace longshot
