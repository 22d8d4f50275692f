#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "session/runtime_options.h"
#include "core/dtype.h"
#include "kernels/backends.h"
#include "runtime/model/model.h"
#include "runtime/model/model_file.h"
#include "runtime/text/tokenizer.h"

namespace longshot {

/// Opens a model's file or folder. Errors: those of `ModelFile::Open`; kIo when it is missing, with the cure.
std::shared_ptr<const ModelFile> OpenModelFile(const std::string& path);

/// The same, refused at once when it is no whole decoder. Errors: as above; those of `ModelFile::RequireDecoder`.
std::shared_ptr<const ModelFile> OpenDecoder(const std::string& path);

/// The backend that `options` asks for to run `file`; sets `options.threads` when it is 0, and lowers it, told in one
/// line, when it is more than this process has processors.
/// Errors: kUnsupported for GPU layers or an instruction set that this machine lacks.
std::unique_ptr<Backend> MakeBackend(RuntimeOptions& options, const ModelFile& file);

/// The file's tokenizer. Errors: those of `Tokenizer`, naming the file.
Tokenizer ReadTokenizer(const ModelFile& file);

/// The same, for a model that will run. Errors: as above; kFormat when it has more tokens than the model has
/// rows of embeddings (fewer are padding).
Tokenizer LoadTokenizer(const ModelFile& file);

/// The type a `--cache-type-*` names. REQUIRES: one of its choices.
DType CacheType(const std::string& name);

/// The model's shape with the context extension of the flags; `context` is then the extended one. `ctx_size`
/// is what was asked for (0: nothing). Errors: kUsage when the flags contradict each other.
ModelConfig ExtendContext(const ModelConfig& config, const RuntimeOptions& options, int64_t ctx_size);

/// Tokens the model reads as it was trained: its context, or its sliding window, which this build does not
/// slide.
int64_t UsableContext(const ModelConfig& config);

/// Refuses more than `UsableContext`. `asked` names what asked for the tokens: "-c 9000".
/// Errors: kCapacity, or kUnsupported for a sliding window, with the cure.
void RequireContext(const ModelConfig& config, int64_t tokens, const std::string& asked);

/// Tokens of context to open for a request: `ctx_size`, or, if that is 0, `needed` and at most the model's.
/// `needed` is -1 when the answer has no limit.
/// Errors: kCapacity naming the tokens needed, what there is, and the cure; those of `RequireContext`.
int64_t ResolveContext(const ModelConfig& config, int64_t ctx_size, int64_t prompt_tokens, int64_t needed);

/// Packs the weights, with the shape (and so the context extension) of `config`.
std::unique_ptr<Model> LoadModel(Backend& backend, std::shared_ptr<const ModelFile> file, const ModelConfig& config);

/// Prompt tokens per pass.
int64_t PassRows(const RuntimeOptions& options);

}  // namespace longshot
