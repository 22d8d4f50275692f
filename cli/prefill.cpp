#include "session/cached_prompt.h"
#include "session/document_rows.h"
#include "cli/command.h"
#include "session/generate_options.h"
#include "session/interrupt.h"
#include "session/loaded_target.h"
#include "session/output.h"
#include "session/own_file.h"
#include "session/prompt.h"
#include "session/session.h"
#include "core/error.h"

namespace longshot {
namespace {

struct PrefillOptions {
  RuntimeOptions runtime;
  PromptOptions prompt;
  PromptCacheOptions cache;
  int64_t ctx_size = 0;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "ctx_size",
                .flags = "-c,--ctx-size",
                .minimum = 0,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "context that the questions will have, where --rope-scaling depends on it; 0: the model's"},
          self.ctx_size);
  }
};

/// The flags of a prompt but those that belong to a question.
std::vector<BoundField> DocumentFields(PromptOptions& options) {
  std::vector<BoundField> fields = BindFields(options);
  std::erase_if(fields, [](const BoundField& bound) {
    return bound.field.name == "prompt" || bound.field.name == "prompt_file" || bound.field.name == "context";
  });
  return fields;
}

}  // namespace

int RunPrefill(std::span<const std::string> arguments) {
  PrefillOptions options;
  CommandLine line("prefill", "Reads a document once and keeps its rows, so that questions about it start at once.");
  line.Add({"document", DocumentFields(options.prompt)});
  line.Add({"cache", BindFields(options.cache)});
  line.Add({"context", BindFields(options)});
  line.Add({"runtime", BindFields(options.runtime)});
  line.Example("longshot prefill --doc report.txt --prompt-cache report.cache");
  if (!ParseArguments(line, arguments)) return 0;

  if (options.cache.file.empty()) Throw(ErrorCode::kUsage, "--prompt-cache FILE is needed: it says where the rows go");
  RequireOwnFile({"--prompt-cache", options.cache.file},
                 FilesRead(options.runtime.file.model, options.prompt.documents));
  RequireCachePath(options.cache.file);
  const auto file = OpenDecoder(options.runtime.file.model);
  file->BeginChecksum();
  const Tokenizer tokenizer = LoadTokenizer(*file);
  const std::vector<Token> tokens = BuildDocumentPrompt(tokenizer, options.prompt);
  const auto count = static_cast<int64_t>(tokens.size());
  const ModelConfig config = ExtendContext(file->config(), options.runtime, options.ctx_size);
  ResolveContext(config, options.ctx_size, count, count);

  CatchInterrupt();
  LoadedTarget loaded = LoadTarget(options.runtime, file, config, {.context = count});
  CachedPrompt cache(options.cache.file, tokens, *loaded.target);
  ReadSequence sequence(*loaded.target, count);
  const int64_t reused = cache.Restore(sequence.id());
  if (reused == count) return 0;
  cache.Reserve(sequence.id());
  if (!sequence.Read(std::span(tokens).subspan(reused))) return kInterruptedStatus;
  cache.Write(sequence.id());
  return 0;
}

}  // namespace longshot
