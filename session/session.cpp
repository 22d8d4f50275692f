#include "session/session.h"

#include <algorithm>
#include <filesystem>

#include "session/output.h"
#include "session/processors.h"
#include "core/error.h"
#include "core/printable.h"
#include "runtime/model/weight_source.h"

namespace longshot {

namespace {

/// What `read` gives; its errors name the file.
template <class Read>
auto NamingFile(const ModelFile& file, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(file.path())) throw;
    throw Error(error.code(), fmt::format("{}: {}", Printable(file.path(), 300), error.what()));
  }
}

/// Threads that share a processor wait for each other spinning, so more than there are is many times slower; the result
/// is the same with any number.
void LimitThreads(RuntimeOptions& options) {
  const Processors processors = UsableProcessors();
  if (options.threads > processors.count) {
    Note(fmt::format("-t {} is lowered to {}: {}, and threads that share one spin against each other", options.threads,
                     processors.count, processors.reason));
  }
  if (options.threads == 0 || options.threads > processors.count) options.threads = processors.count;
}

}  // namespace

std::shared_ptr<const ModelFile> OpenModelFile(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    Throw(ErrorCode::kIo, "no model at {}; {}", Printable(path, 300),
          path == kDefaultModel ? "fetch the default one with `make model`, or name yours with -m"
                                : "-m takes a GGUF file or a Hugging Face folder");
  }
  return std::make_shared<const ModelFile>(ModelFile::Open(path));
}

std::unique_ptr<Backend> MakeBackend(RuntimeOptions& options, const ModelFile& file) {
  if (options.gpu_layers > 0) {
    Throw(ErrorCode::kUnsupported, "-ngl {}: this build has no GPU backend; leave it at 0 to run on the processor",
          options.gpu_layers);
  }
  LimitThreads(options);
  CpuOptions cpu{.threads = static_cast<int>(options.threads)};
  if (options.cpu_isa == "avx2") cpu.isa = CpuIsa::kAvx2;
  if (options.cpu_isa == "avx512") cpu.isa = CpuIsa::kAvx512;
  if (options.cpu_isa == "amx") cpu.isa = CpuIsa::kAmx;
  const bool stored = options.weight_type == "auto" ? HoldsBlockTypes(file) : options.weight_type == "stored";
  if (stored) cpu.weights = WeightType::kStored;
  if (options.weight_type == "f32") cpu.weights = WeightType::kF32;
  if (options.weight_type == "bf16") cpu.weights = WeightType::kBF16;
  return MakeCpuBackend(cpu);
}

std::shared_ptr<const ModelFile> OpenDecoder(const std::string& path) {
  auto file = OpenModelFile(path);
  NamingFile(*file, [&] {
    if (file->tensors().empty() && file->unreadable_tensors().empty()) {
      Throw(ErrorCode::kFormat, "it holds no weights (a vocabulary only): expected a whole model; name one with -m");
    }
    file->RequireDecoder();
  });
  return file;
}

Tokenizer ReadTokenizer(const ModelFile& file) {
  return NamingFile(file, [&] { return Tokenizer(file.vocabulary()); });
}

Tokenizer LoadTokenizer(const ModelFile& file) {
  Tokenizer tokenizer = ReadTokenizer(file);
  if (tokenizer.vocab_size() > file.config().vocab_size) {
    Throw(ErrorCode::kFormat,
          "{}: the tokenizer has {} tokens, but the model only {} rows of embeddings: they do not belong together",
          Printable(file.path(), 300), tokenizer.vocab_size(), file.config().vocab_size);
  }
  return tokenizer;
}

DType CacheType(const std::string& name) {
  if (name == "f32") return DType::kF32;
  if (name == "f16") return DType::kF16;
  if (name == "bf16") return DType::kBF16;
  CHECK(name == "q8_0", "cache type {}", name);
  return DType::kQ8_0;
}

ModelConfig ExtendContext(const ModelConfig& config, const RuntimeOptions& options, int64_t ctx_size) {
  ModelConfig extended = config;
  const bool extends = options.rope_scaling == "linear" || options.rope_scaling == "yarn";
  if (!extends && (options.rope_scale > 0 || options.yarn_orig_ctx > 0)) {
    Throw(ErrorCode::kUsage, "--rope-scale and --yarn-orig-ctx need --rope-scaling linear or yarn");
  }
  if (options.rope_scaling == "none") extended.rope.scaling = RopeScaling::kNone;
  if (!extends) return extended;

  const int64_t original = options.yarn_orig_ctx > 0 ? options.yarn_orig_ctx : config.context;
  double factor = options.rope_scale;
  if (factor == 0) factor = std::max(1.0, static_cast<double>(ctx_size) / static_cast<double>(original));
  if (factor < 1) Throw(ErrorCode::kUsage, "--rope-scale: expected a factor of at least 1, got {}", factor);
  if (options.rope_scale == 0 && ctx_size == 0) {
    Throw(ErrorCode::kUsage, "--rope-scaling {} needs a length to extend to: give --ctx-size or --rope-scale",
          options.rope_scaling);
  }
  extended.rope.scaling = options.rope_scaling == "yarn" ? RopeScaling::kYarn : RopeScaling::kLinear;
  extended.rope.factor = static_cast<float>(factor);
  extended.rope.original_context = static_cast<int>(original);
  extended.context = static_cast<int>(std::min(static_cast<double>(original) * factor + 0.5, 1.0 * (1 << 30)));
  return extended;
}

namespace {

/// A model that reads positions further beyond its training answers nonsense.
constexpr int64_t kMostExtension = 4;

/// Whether --rope-scaling can be advised for so many tokens.
bool CanExtendTo(const ModelConfig& config, int64_t tokens) {
  const bool extended = config.rope.scaling != RopeScaling::kNone && config.rope.original_context > 0;
  return tokens <= kMostExtension * (extended ? config.rope.original_context : config.context);
}

}  // namespace

int64_t UsableContext(const ModelConfig& config) {
  return config.sliding_window > 0 ? std::min(config.context, config.sliding_window) : config.context;
}

void RequireContext(const ModelConfig& config, int64_t tokens, const std::string& asked) {
  if (tokens > config.context) {
    Throw(ErrorCode::kCapacity, "{}: the model's context is {} tokens; ask for less{}", asked, config.context,
          CanExtendTo(config, tokens) ? ", or extend it with --rope-scaling yarn"
                                      : ": more than 4 times it is out of reach of --rope-scaling too");
  }
  if (tokens > UsableContext(config)) {
    Throw(
        ErrorCode::kUnsupported,
        "{}: the model attends to a sliding window of {} tokens, which this build reads as full attention; ask for no "
        "more than that",
        asked, config.sliding_window);
  }
}

int64_t ResolveContext(const ModelConfig& config, int64_t ctx_size, int64_t prompt_tokens, int64_t needed) {
  const int64_t least = std::max(prompt_tokens + 1, needed);
  RequireContext(config, ctx_size, fmt::format("-c {}", ctx_size));
  if (least <= config.context) {
    RequireContext(config, least, fmt::format("the request needs {} tokens ({} of prompt)", least, prompt_tokens));
  }
  const int64_t limit = ctx_size > 0 ? ctx_size : UsableContext(config);
  if (least > limit) {
    std::string cure =
        "shorten the document, or have the model read what retrieval finds, --context retrieved; more "
        "than 4 times the context is out of reach of --rope-scaling";
    if (CanExtendTo(config, least)) {
      cure = fmt::format(
          "shorten the document or -n, extend the context with --rope-scaling yarn -c {}, or have the "
          "model read what retrieval finds, --context retrieved",
          least);
    }
    if (ctx_size > 0 && least <= config.context) cure = fmt::format("raise -c to at least {}", least);
    Throw(ErrorCode::kCapacity, "the request needs {} tokens ({} of prompt), but the context holds {}: {}", least,
          prompt_tokens, limit, cure);
  }
  return ctx_size > 0 || needed < 0 ? limit : least;
}

std::unique_ptr<Model> LoadModel(Backend& backend, std::shared_ptr<const ModelFile> file, const ModelConfig& config) {
  return std::make_unique<Model>(&backend, std::move(file), config);
}

int64_t PassRows(const RuntimeOptions& options) { return std::min(options.batch_size, options.ubatch_size); }

}  // namespace longshot
