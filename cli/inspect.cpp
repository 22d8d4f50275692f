#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "session/loaded_target.h"
#include "session/output.h"
#include "session/own_file.h"
#include "session/session.h"
#include "core/checked.h"
#include "core/error.h"
#include "core/printable.h"
#include "drafters/registry.h"
#include "runtime/engine/model_target.h"
#include "runtime/text/chat_format.h"

namespace longshot {
namespace {

using nlohmann::json;

struct InspectOptions {
  RuntimeOptions runtime;
  int64_t ctx_size = 0;
  bool tensors = false;
  std::string json;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    RuntimeOptions::VisitFields(self.runtime, visit);
    visit(Field{.name = "ctx_size",
                .flags = "-c,--ctx-size",
                .minimum = 0,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "context for which memory is told; 0: the model's"},
          self.ctx_size);
    visit(Field{.name = "tensors", .flags = "--tensors", .help = "list every tensor"}, self.tensors);
    visit(Field{.name = "json", .flags = "--json", .unit = "FILE", .help = "write the same as JSON"}, self.json);
  }
};

/// A part that this build cannot read is told, not fatal: files without tensors or of unknown architecture
/// are worth looking at too.
template <class Read>
json PartOrReason(Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    return {{"unsupported", error.what()}};
  }
}

json TensorsJson(const ModelFile& file) {
  std::map<std::string, int64_t> counts;
  int64_t bytes = 0, elements = 0;
  json list = json::array();
  for (const TensorInfo& tensor : file.tensors()) {
    const std::string type(Info(tensor.type).name);
    ++counts[type];
    bytes += static_cast<int64_t>(tensor.bytes.size());
    elements += tensor.elements();
    list.push_back(
        {{"name", Printable(tensor.name)}, {"type", type}, {"shape", tensor.shape}, {"bytes", tensor.bytes.size()}});
  }
  for (const UnreadableTensor& tensor : file.unreadable_tensors()) {
    ++counts[tensor.type];
    list.push_back({{"name", Printable(tensor.name)}, {"type", tensor.type}, {"shape", tensor.shape}});
  }
  return {{"count", list.size()}, {"parameters", elements}, {"bytes", bytes}, {"types", counts}, {"list", list}};
}

json DecoderJson(const ModelConfig& config) {
  return {{"architecture", config.architecture},
          {"name", Printable(config.name)},
          {"layers", config.layers},
          {"heads", config.heads},
          {"kv_heads", config.kv_heads},
          {"head_dim", config.head_dim},
          {"embed_dim", config.embed_dim},
          {"ffn_dim", config.ffn_dim},
          {"vocab_size", config.vocab_size},
          {"context", config.context},
          {"tied_head", config.tied_head},
          {"rope_theta", config.rope.theta},
          {"rope_scaling", static_cast<int>(config.rope.scaling)},
          {"rope_factor", config.rope.factor}};
}

json TokenizerJson(const ModelFile& file) {
  const Vocabulary& vocabulary = file.vocabulary();
  const bool bpe = vocabulary.kind == TokenizerKind::kByteLevelBpe;
  json part = {{"kind", bpe ? "byte-level BPE" : "sentencepiece"},
               {"pre", Printable(vocabulary.pre)},
               {"pieces", vocabulary.pieces.size()},
               {"merges", vocabulary.merges.size()},
               {"bos", vocabulary.bos},
               {"eos", vocabulary.eos},
               {"end_of_generation", vocabulary.end_of_generation},
               {"adds_bos", vocabulary.add_bos}};
  part["chat_template"] = PartOrReason([&] { return json(Name(RecognizeChatFormat(vocabulary.chat_template))); });
  return part;
}

json MemoryJson(const ModelFile& file, InspectOptions& options) {
  const ModelConfig& config = file.config();
  const auto backend = MakeBackend(options.runtime, file);
  const ModelConfig extended = ExtendContext(config, options.runtime, options.ctx_size);
  const int64_t context = options.ctx_size > 0 ? options.ctx_size : extended.context;
  const int64_t draft = FindDrafter(DrafterConfig().type).most_bytes({context, config.vocab_size});
  const MemoryTable table = PlanMemory(*backend, file, RequestFor(TargetOptions(options.runtime, context), draft));
  json part = table.ToJson();
  part["context"] = context;
  return part;
}

void AddLines(const json& value, const std::string& indent, std::string& out) {
  for (const auto& [key, item] : value.items()) {
    if (item.is_object()) {
      out += indent + key + ":\n";
      AddLines(item, indent + "  ", out);
    } else {
      out += fmt::format("{}{}: {}\n", indent, key, item.is_string() ? item.get<std::string>() : item.dump());
    }
  }
}

std::string TensorLines(const json& list) {
  std::string out;
  for (const json& tensor : list) {
    out += fmt::format("  {:<32}{:<8}{}\n", tensor["name"].get<std::string>(), tensor["type"].get<std::string>(),
                       tensor["shape"].dump());
  }
  return out;
}

}  // namespace

int RunInspect(std::span<const std::string> arguments) {
  InspectOptions options;
  CommandLine line("inspect", "What a model file holds and the memory it needs; nothing is loaded.");
  line.Add(CommandLine::Positional{"MODEL", "GGUF file or Hugging Face folder", &options.runtime.file.model});
  line.Add({"Options", BindFields(options)});
  if (!ParseArguments(line, arguments)) return 0;

  RequireOwnFile({"--json", options.json}, FilesRead(options.runtime.file.model));
  const ResultFile result(options.json);
  const auto file = OpenModelFile(options.runtime.file.model);
  json report = {{"path", file->path()}, {"format", file->format()}};
  report["decoder"] = PartOrReason([&] { return DecoderJson(file->config()); });
  report["tensors"] = TensorsJson(*file);
  report["tokenizer"] = PartOrReason([&] { return TokenizerJson(*file); });
  if (!report["decoder"].contains("unsupported")) {
    report["memory"] = PartOrReason([&] { return MemoryJson(*file, options); });
    report["runs"] = PartOrReason([&] { return file->RequireDecoder(), json(true); });
  }
  for (const auto& [key, value] : file->metadata()) report["metadata"][key] = value;
  if (result.wanted()) result.Write(report.dump(2, ' ', false, json::error_handler_t::replace) + "\n");

  const json list = std::move(report["tensors"]["list"]);
  report["tensors"].erase("list");
  std::string text;
  AddLines(report, "", text);
  if (options.tensors) text += "tensor list:\n" + TensorLines(list);
  WriteOutput(text);
  return 0;
}

}  // namespace longshot
