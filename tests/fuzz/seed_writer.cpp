// Writes the fuzzers' seeds: valid files of every tensor and metadata type. Usage: fuzz_seeds FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/cache/cache_header.h"
#include "tests/runtime/model/gguf_writer.h"
#include "tests/runtime/model/safetensors_writer.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace longshot {
namespace {

void Write(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

GgufWriter EveryMetadataType() {
  GgufWriter writer;
  const std::string bytes = "\x01\x02\x03\x04\x05\x06\x07\x08";
  constexpr size_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  for (uint32_t number = 0; number < std::size(kSizes); ++number) {
    const auto type = static_cast<GgufType>(number);
    if (kSizes[number] == 0) continue;
    writer.Raw("scalar." + std::to_string(number), type, bytes.substr(0, kSizes[number]));
    writer.RawArray("array." + std::to_string(number), type, 2,
                    bytes.substr(0, kSizes[number]) + bytes.substr(0, kSizes[number]));
  }
  writer.String("string", "text");
  writer.Strings("strings", {"one", "", "three"});
  writer.U32("general.alignment", 32);
  return writer;
}

GgufWriter EveryTensorType() {
  GgufWriter writer;
  writer.String("general.architecture", "other");
  for (uint32_t type = 0; type <= 30; ++type) {
    const auto known = DTypeFromGgml(type);
    if (!known) continue;
    const auto block = static_cast<uint64_t>(Info(*known).block_size);
    writer.AddTensor("t" + std::to_string(type), type, {1, 2, block});
  }
  writer.AddTensor("unknown", 0, {4}).type = 16;
  return writer;
}

/// A decoder of one layer, small enough to fuzz fast.
GgufWriter Decoder(const std::string& architecture, uint32_t type) {
  GgufWriter writer = TinyGguf(architecture, type, {1, 2, 1, 16, 32, 32, 6});
  AddBpe(writer);
  return writer;
}

GgufWriter DecoderWithYarn() {
  GgufWriter writer = TinyGguf("llama", 30, {1, 2, 1, 16, 32, 32, 6});
  writer.String("llama.rope.scaling.type", "yarn");
  writer.F32("llama.rope.scaling.factor", 4);
  writer.U32("llama.rope.scaling.original_context_length", 32);
  GgufWriter::Tensor& divisors = writer.AddTensor("rope_freqs.weight", 0, {8});
  divisors.data.clear();
  for (int i = 0; i < 8; ++i) divisors.data += GgufWriter::Bytes(1.0f);
  AddSentencePiece(writer);
  return writer;
}

void WriteGgufSeeds(const std::filesystem::path& folder) {
  GgufWriter bpe, pieces;
  AddBpe(bpe);
  AddSentencePiece(pieces);
  Write(folder / "metadata", EveryMetadataType().Build());
  Write(folder / "tensors", EveryTensorType().Build());
  Write(folder / "llama", Decoder("llama", 8).Build());
  Write(folder / "qwen2", Decoder("qwen2", 2).Build());
  Write(folder / "qwen3", Decoder("qwen3", 3).Build());
  Write(folder / "yarn", DecoderWithYarn().Build());
  Write(folder / "bpe", bpe.Build());
  Write(folder / "sentencepiece", pieces.Build());
}

void WriteSafetensorsSeeds(const std::filesystem::path& folder) {
  SafetensorsWriter writer;
  const std::pair<const char*, uint64_t> kTypes[] = {{"F32", 4}, {"F16", 2},  {"BF16", 2},   {"F64", 8},
                                                     {"I64", 8}, {"I32", 4},  {"I16", 2},    {"I8", 1},
                                                     {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}};
  for (const auto& [type, bytes] : kTypes) writer.Add(std::string("model.layers.0.") + type, type, {2, 3}, bytes);
  writer.Add("scalar", "F32", {}, 4);
  Write(folder / "types", '\0' + writer.Build());
  SafetensorsWriter one;
  one.Add("lm_head.weight", "F32", {4}, 4);
  Write(folder / "one", '\0' + one.Build());
  Write(folder / "index",
        "\x01{\"metadata\":{\"total_size\":8},\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2."
        "safetensors\"}}");
  const std::string config = kTinyConfigJson;
  Write(folder / "config", '\x02' + config);
  const std::string open = '\x02' + config.substr(0, config.size() - 1);
  Write(folder / "yarn",
        open + ", \"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": 4.0, \"rope_theta\": 10000.0}}");
  Write(folder / "llama3", open +
                               ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, "
                               "\"original_max_position_embeddings\": 64}}");
  Write(folder / "generation", "\x03{\"eos_token_id\": [2, 3]}");
}

void WriteTokenizerSeeds(const std::filesystem::path& folder) {
  using namespace testing_text;
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "qwen2"}) {
    const Vocabulary vocabulary = ByteLevel(pre, {{"a", "b"}, {"ab", "c"}}, ChatMlTokens());
    Write(folder / "tokenizer_json" / pre, ToTokenizerJson(vocabulary).dump());
  }
  Write(folder / "tokenizer_model" / "bpe", ToTokenizerModel(SentencePiece()));
  Write(folder / "tokenizer_model" / "unigram", ToTokenizerModel(SentencePiece(true), {1}));
}

void WritePromptCacheSeeds(const std::filesystem::path& folder) {
  CacheHeader header;
  header.identity = {{"model", "m"}, {"cache type", "k bf16, v bf16"}};
  header.tokens = {1, 2, 3};
  for (const uint64_t layers : {1, 3}) {
    header.layers = layers;
    header.image_bytes = 100 * layers;
    std::string file = EncodeCacheHeader(header);
    for (uint64_t layer = 0; layer < layers; ++layer) {
      std::string section(header.section_bytes(), 'r');
      SealSection(std::as_writable_bytes(std::span(section)), layer);
      file += section;
    }
    Write(folder / std::to_string(layers), file);
  }
}

}  // namespace
}  // namespace longshot

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  longshot::WriteGgufSeeds(folder / "gguf");
  longshot::WriteSafetensorsSeeds(folder / "safetensors");
  longshot::WriteTokenizerSeeds(folder);
  longshot::WritePromptCacheSeeds(folder / "prompt_cache");
  return 0;
}
