#pragma once

#include <cstdint>
#include <string>

namespace longshot {

enum class BertPooling : uint8_t { kMean, kCls };

/// Shape of a BERT encoder and how its rows become one vector.
struct BertConfig {
  int layers = 0, heads = 0, head_dim = 0;
  int embed_dim = 0, ffn_dim = 0;
  int vocab_size = 0;
  int positions = 0;  ///< trained ones
  int segments = 0;   ///< token types, of which the first is used
  float norm_eps = 0;
  BertPooling pooling = BertPooling::kMean;
  int window = 0;  ///< pieces of one pass, [CLS] and [SEP] included: at most 512
};

/// Reads `config.json`, and if the folder has them `1_Pooling/config.json` (else the mean) and
/// `sentence_bert_config.json` (else windows of 256).
/// Errors: kIo when there is no config.json; kFormat; kUnsupported naming what is not BERT's (architecture, activation,
/// kind of positions, pooling) and what is supported.
BertConfig ReadBertConfig(const std::string& folder);

/// The whole file, of which at most `max_bytes` are there. Errors: kIo, kFormat.
std::string ReadSmallFile(const std::string& path, size_t max_bytes);

}  // namespace longshot
