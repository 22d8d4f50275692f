#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/command.h"
#include "cli/retrieve_report.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "core/text_file.h"
#include "session/document.h"
#include "session/embedder.h"
#include "session/interrupt.h"
#include "session/output.h"
#include "session/report.h"
#include "session/session.h"

namespace longshot {
namespace {

struct RetrieveOptions {
  ModelOptions file;
  std::vector<std::string> documents;
  std::string question;
  RetrievalConfig retrieval;
  int64_t top = 10;
  int64_t threads = 0;
  bool json = false;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "documents",
                .flags = "--doc",
                .unit = "PATH",
                .help = "a file (text, HTML, PDF), a folder or - for standard input; may be repeated"},
          self.documents);
    visit(Field{.name = "prompt", .flags = "-p,--prompt", .help = "the question"}, self.question);
    visit(Field{.name = "json", .flags = "--json", .help = "the same as JSON, with the texts"}, self.json);
    visit(Field{.name = "top", .flags = "--top", .minimum = 1, .maximum = 1 << 20, .help = "shown of every ranking"},
          self.top);
    ModelOptions::VisitFields(self.file, visit);
    visit(Field{.name = "threads",
                .flags = "-t,--threads",
                .minimum = 0,
                .maximum = 1024,
                .help = "of the embedder; 0: one per processor that this process may use, which is the most"},
          self.threads);
  }
};

void CheckOptions(const RetrieveOptions& options) {
  if (options.documents.empty()) Throw(ErrorCode::kUsage, "retrieve: expected documents with --doc FILE_OR_FOLDER");
  if (IsBlank(options.question)) Throw(ErrorCode::kUsage, "retrieve: expected a question with -p QUESTION");
}

RetrieveReport Ask(const Retriever& retriever, const RetrieveOptions& options) {
  const std::string& query = options.retrieval.query.empty() ? options.question : options.retrieval.query;
  RetrieveReport report{.question = query, .retriever = &retriever};
  report.budget_tokens = BudgetTokens(options.retrieval, {.prompt_tokens = retriever.tokens()});
  for (const auto& ranker : retriever.rankers()) {
    Stopwatch watch;
    RankerResult result{.name = ranker->name(), .ranked = ranker->Rank(query, std::ssize(retriever.chunks()))};
    result.search_ms = watch.LapMs();
    report.rankers.push_back(std::move(result));
  }
  if (retriever.dense() != nullptr && options.retrieval.index != "flat") {
    const std::string_view question = query;
    report.recall = RecallAt(options.top, *retriever.dense(), {&question, 1});
  }
  report.retrieved = retriever.Retrieve(query, report.budget_tokens);
  return report;
}

}  // namespace

int RunRetrieve(std::span<const std::string> arguments) {
  RetrieveOptions options;
  CommandLine line("retrieve", "Passages of documents that answer a question, by every retriever side by side.");
  line.Add({"Options", BindFields(options)});
  line.Add({"Retrieval", BindFields(options.retrieval)});
  line.Example("longshot retrieve --doc report.txt -p \"What went wrong in March?\"");
  if (!ParseArguments(line, arguments)) return 0;
  CheckOptions(options);
  CatchInterrupt();

  std::vector<Document> documents = ReadNamedDocuments(options.documents);
  const LoadedEmbedder embedder = LoadEmbedder(options.retrieval, options.threads);
  const Tokenizer tokenizer = ReadTokenizer(*OpenModelFile(options.file.model));
  const auto retriever = IndexDocuments(std::move(documents), options.retrieval, tokenizer, embedder);
  const RetrieveReport report = Ask(*retriever, options);
  WriteOutput(options.json ? Dump(RetrieveJson(report, options.top)) : RetrieveTable(report, options.top));
  return 0;
}

}  // namespace longshot
