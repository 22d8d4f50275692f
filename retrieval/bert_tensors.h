#pragma once

#include <string>

#include "retrieval/bert_config.h"
#include "runtime/model/model_file.h"

namespace longshot {

/// Checks that the file has exactly the tensors of a BERT encoder, a pooler and heads aside, and returns what their
/// names begin with: "" or "bert.".
/// Errors: kIo when there are no weights; kFormat naming a tensor that is missing or of another shape than the config
/// asks for; kUnsupported naming one that the encoder would not use or cannot read.
std::string RequireBertTensors(const BertConfig& config, const ModelFile& file);

/// "encoder.layer.3.output.dense.weight" after the prefix.
std::string BertLayerTensor(int layer, const char* name);

}  // namespace longshot
