#pragma once

#include <string>
#include <string_view>

#include "runtime/model/model_config.h"
#include "runtime/text/vocabulary.h"

namespace longshot {

/// The decoder that a Hugging Face `config.json` describes. `has_head`: the checkpoint has `lm_head.weight`.
/// Errors: kUnsupported naming the class, activation, bias, quantisation or RoPE found and what is supported;
/// kFormat.
ModelConfig CheckpointModelConfig(std::string_view config_json, bool has_head);

/// Canonical name of a checkpoint's tensor ("model.layers.0.mlp.up_proj.weight" is "blk.0.ffn_up.weight");
/// its own name when it has none. Empty for buffers that are recomputed ("rotary_emb.inv_freq").
std::string CanonicalTensorName(std::string_view name);

/// Adds the end-of-generation ids of a `config.json` or `generation_config.json` (one id or a list).
/// Errors: kFormat.
void ReadEndOfGeneration(std::string_view json, const std::string& what, Vocabulary& vocabulary);

/// The folder's `tokenizer.json` or `tokenizer.model` with `tokenizer_config.json` and the end-of-generation
/// ids. Errors: kFormat, kUnsupported, kIo when there is neither file.
Vocabulary CheckpointVocabulary(const std::string& folder);

}  // namespace longshot
