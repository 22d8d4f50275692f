// Fuzzes what reads a Hugging Face folder. The first byte of an input chooses the file: a safetensors file,
// an index of shards, config.json, generation_config.json.
#include <cstdlib>
#include <span>

#include "core/error.h"
#include "runtime/model/checkpoint.h"
#include "runtime/model/dequantize.h"
#include "runtime/model/safetensors.h"
#include "tests/fuzz/mutation.h"
#include "tests/runtime/model/safetensors_writer.h"

namespace longshot {
namespace {

enum FileKind : uint8_t { kSafetensors, kIndex, kConfig, kGenerationConfig, kKinds };

void ReadSafetensors(std::span<const std::byte> file) {
  for (const SafetensorsTensor& tensor : ParseSafetensors(file)) {
    CanonicalTensorName(tensor.name);
    const auto type = DTypeFromSafetensors(tensor.dtype);
    if (!type) continue;
    unsigned __int128 elements = 1;
    for (const int64_t dim : tensor.shape) elements *= static_cast<unsigned __int128>(dim);
    if (elements * static_cast<unsigned>(Info(*type).block_bytes) != tensor.bytes.size()) std::abort();
    std::vector<float> values(static_cast<size_t>(elements));
    Dequantize(*type, tensor.bytes.data(), static_cast<int64_t>(elements), values.data());
  }
}

void ReadIndex(std::string_view text) {
  for (const auto& [tensor, shard] : ParseShardIndex(text, "index")) {
    if (shard.find('/') != shard.npos || shard.find("..") == 0) std::abort();  // would leave the folder
  }
}

void Read(FileKind kind, std::string_view file) {
  if (kind == kSafetensors) ReadSafetensors(std::as_bytes(std::span(file.data(), file.size())));
  if (kind == kIndex) ReadIndex(file);
  if (kind == kConfig) CheckpointModelConfig(file, true).rope.InverseFrequencies();
  Vocabulary vocabulary;
  if (kind == kGenerationConfig) ReadEndOfGeneration(file, "generation_config.json", vocabulary);
}

/// Repeats a stretch between two commas: a field or an entry twice.
std::string RepeatEntry(const std::string& json, Mutation& m) {
  const size_t begin = json.find(',', m.Below(json.size() + 1));
  if (begin == json.npos) return json;
  const size_t end = json.find(',', begin + 1);
  return end == json.npos ? json : json.substr(0, end) + json.substr(begin);
}

/// A value becomes arrays in arrays, up to 2^16 deep.
std::string Nest(const std::string& json, Mutation& m) {
  const size_t colon = json.find(':', m.Below(json.size() + 1));
  const size_t end = colon == json.npos ? colon : json.find_first_of(",}", colon);
  if (end == json.npos) return json;
  const size_t depth = size_t{1} << m.Below(17);
  return json.substr(0, colon + 1) + std::string(depth, '[') + std::string(depth, ']') + json.substr(end);
}

/// Another value of the same vocabulary: types, scalings, file names.
std::string ReplaceWord(const std::string& json, Mutation& m) {
  static constexpr std::string_view kWords[] = {"F32",
                                                "F16",
                                                "BF16",
                                                "I64",
                                                "F8_E4M3",
                                                "U8",
                                                "yarn",
                                                "linear",
                                                "llama3",
                                                "dynamic",
                                                "a/b.safetensors",
                                                "shape",
                                                "dtype",
                                                "__metadata__",
                                                "../x.safetensors",
                                                "null"};
  const size_t quote = json.find('"', m.Below(json.size() + 1));
  const size_t end = quote == json.npos ? quote : json.find('"', quote + 1);
  if (end == json.npos) return json;
  return json.substr(0, quote + 1) + std::string(kWords[m.Below(std::size(kWords))]) + json.substr(end);
}

std::string MutateJson(const std::string& json, Mutation& m) {
  switch (m.Below(6)) {
    case 0:
      return m.Bytes(json);
    case 1:
      return RepeatEntry(json, m);
    case 2:
      return m.OneIn(4) ? Nest(json, m) : m.Digits(json);
    case 3:
      return ReplaceWord(json, m);
    default:
      return m.Digits(json);
  }
}

/// A shard's name gets a folder in front.
std::string MovePath(const std::string& index, Mutation& m) {
  static constexpr std::string_view kFolders[] = {"/", "../", "a/", "./", "..\\\\", "c:"};
  const size_t end = index.find(".safetensors", m.Below(index.size() + 1));
  const size_t quote = end == index.npos ? end : index.rfind('"', end);
  if (quote == index.npos) return index;
  return index.substr(0, quote + 1) + std::string(kFolders[m.Below(std::size(kFolders))]) + index.substr(quote + 1);
}

std::string MutateSafetensors(const std::string& file, Mutation& m) {
  uint64_t length = 0;
  if (file.size() < sizeof length) return SafetensorsWriter::Build("{}", "");
  std::memcpy(&length, file.data(), sizeof length);
  if (length > file.size() - sizeof length) length = file.size() - sizeof length;
  std::string header = file.substr(sizeof length, length), data = file.substr(sizeof length + length);
  if (m.OneIn(4)) data.resize(m.Below(data.size() + 1));
  if (!m.OneIn(4)) header = MutateJson(header, m);
  if (m.OneIn(8)) return SafetensorsWriter::Build(m.OneIn(2) ? header.size() + m.Below(64) : m.Number(), header, data);
  return SafetensorsWriter::Build(header, data);
}

}  // namespace
}  // namespace longshot

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace longshot;
  if (size == 0) return 0;
  // A copy of its own, so that a read before or past the file is seen.
  const std::vector<char> file(data + 1, data + size);
  try {
    Read(static_cast<FileKind>(data[0] % kKinds), {file.data(), file.size()});
  } catch (const Error&) {
    // The right answer to a hostile file.
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace longshot;
  Mutation m(seed);
  if (size == 0 || m.OneIn(10)) return LLVMFuzzerMutate(data, size, max_size);
  const std::string file(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto kind = static_cast<FileKind>(data[0] % kKinds);
  const std::string mutated = kind == kSafetensors           ? MutateSafetensors(file, m)
                              : kind == kIndex && m.OneIn(3) ? MovePath(file, m)
                                                             : MutateJson(file, m);
  return StoreInput(static_cast<char>(data[0]) + mutated, data, max_size);
}
