// Fuzzes everything that reads a GGUF file: format, config, vocabulary, chat template, tensors.
#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "runtime/model/decoder_tensors.h"
#include "runtime/model/dequantize.h"
#include "runtime/model/gguf_model.h"
#include "runtime/text/chat_format.h"
#include "runtime/text/tokenizer.h"
#include "tests/fuzz/gguf_draft.h"
#include "tests/fuzz/mutation.h"

namespace longshot {
namespace {

/// Runs `action`; an `Error` is the right answer to a hostile file, anything else is a finding.
template <class Action>
void Attempt(const Action& action) {
  try {
    action();
  } catch (const Error&) {
  }
}

/// What a loaded tensor promises: its bytes are exactly its elements, and rows can be read.
void ReadTensor(const TensorInfo& tensor) {
  const DTypeInfo info = Info(tensor.type);
  unsigned __int128 elements = 1;
  for (const int64_t dim : tensor.shape) elements *= static_cast<unsigned __int128>(dim);
  const auto block_size = static_cast<unsigned>(info.block_size), block_bytes = static_cast<unsigned>(info.block_bytes);
  if (elements / block_size * block_bytes != tensor.bytes.size()) std::abort();
  const int64_t cols = tensor.shape.back(), rows = tensor.elements() / cols;
  const int head_dim = tensor.interleaved_rope_rows ? 2 : 0;
  if (tensor.interleaved_rope_rows && rows % head_dim != 0) return;
  std::vector<float> row(static_cast<size_t>(cols));
  DequantizeRow(tensor, 0, head_dim, row);
  DequantizeRow(tensor, rows - 1, head_dim, row);
}

void ReadVocabulary(const GgufFile& file) {
  const Vocabulary vocabulary = GgufVocabulary(file);
  if (vocabulary.kinds.size() != vocabulary.pieces.size()) std::abort();
  Attempt([&] { RecognizeChatFormat(vocabulary.chat_template); });
  if (vocabulary.pieces.size() > 64) return;
  const Tokenizer tokenizer(vocabulary);
  tokenizer.Decode(tokenizer.Encode("ab a<|im_end|>\xFF"), true);
}

void ReadAll(std::span<const std::byte> bytes) {
  const GgufFile file(bytes);
  for (const GgufEntry& entry : file.entries()) Describe(entry);
  const std::vector<TensorInfo> tensors = GgufTensors(file);
  for (const TensorInfo& tensor : tensors) ReadTensor(tensor);
  Attempt([&] {
    const ModelConfig config = GgufModelConfig(file);
    config.rope.InverseFrequencies();
    RequireDecoderTensors(config, tensors, GgufUnreadableTensors(file));
  });
  Attempt([&] { ReadVocabulary(file); });
}

void MutateHeader(GgufWriter& draft, Mutation& m) {
  if (m.OneIn(3)) draft.version = static_cast<uint32_t>(m.Number());
  if (m.OneIn(2)) draft.claimed_entries = m.Number();
  if (m.OneIn(2)) draft.claimed_tensors = m.Number();
}

void MutateValue(std::string& entry, Mutation& m) {
  const EntryParts parts(entry);
  std::string value = entry.substr(parts.value);
  if (m.OneIn(3)) {
    value = m.Digits(value);
  } else if (value.size() <= 8) {
    value = GgufWriter::Bytes(m.Number()).substr(0, value.size());
  } else {
    value = m.Bytes(value);
  }
  entry = entry.substr(0, parts.value) + value;
}

/// Another type or element type over the same bytes, or another count.
void MutateType(std::string& entry, Mutation& m) {
  const EntryParts parts(entry);
  const bool array = entry.size() >= parts.value + 12 && entry[parts.type] == 9;
  const auto type = GgufWriter::Bytes(static_cast<uint32_t>(m.Below(14)));
  if (array && m.OneIn(2)) {
    entry.replace(parts.value + 4, 8, GgufWriter::Bytes(m.OneIn(2) ? m.Number() : m.Below(32)));
  } else {
    entry.replace(array ? parts.value : parts.type, 4, type);
  }
}

/// An array whose elements become one byte each, the count unchanged: what a reader that trusts the key runs
/// past. It becomes the last entry, for a reader that stays inside the file shows nothing.
void NarrowArray(GgufWriter& draft, std::string& entry) {
  const EntryParts parts(entry);
  if (entry.size() < parts.value + 12 || entry[parts.type] != 9) return;
  uint64_t count = 0;
  std::memcpy(&count, entry.data() + parts.value + 4, sizeof count);
  entry.replace(parts.value, 4, GgufWriter::Bytes(uint32_t{0}));
  entry.resize(parts.value + 12 + std::min<uint64_t>(count, 1000), '\x01');
  entry.swap(draft.entries.back());
}

/// An array that loses its last elements and says so.
void ShortenArray(std::string& entry, Mutation& m) {
  const EntryParts parts(entry);
  if (entry.size() < parts.value + 16 || entry[parts.type] != 9) return;
  uint64_t count = 0;
  std::memcpy(&count, entry.data() + parts.value + 4, sizeof count);
  const uint64_t width = count == 0 ? 0 : (entry.size() - parts.value - 12) / count;
  if (width == 0 || width * count != entry.size() - parts.value - 12) return;
  const uint64_t kept = m.Below(count + 1);
  entry.replace(parts.value + 4, 8, GgufWriter::Bytes(kept));
  entry.resize(parts.value + 12 + kept * width);
}

void MutateEntry(GgufWriter& draft, Mutation& m) {
  if (draft.entries.empty()) return draft.U32("general.alignment", static_cast<uint32_t>(m.Number()));
  std::string& entry = draft.entries[m.Below(draft.entries.size())];
  if (entry.size() < EntryParts(entry).value) return;
  switch (m.Below(7)) {
    case 0:
      return MutateValue(entry, m);
    case 1:
      return MutateType(entry, m);
    case 2:
      return NarrowArray(draft, entry);
    case 3:
      return ShortenArray(entry, m);
    case 4:
      draft.entries.push_back(std::string(entry));
      return;
    case 5:
      entry.swap(draft.entries.back());
      return;
    case 6:
      draft.entries.erase(draft.entries.begin() + (&entry - draft.entries.data()));
      return;
  }
}

void SetAlignment(GgufWriter& draft, Mutation& m) {
  draft.Remove("general.alignment");
  draft.U32("general.alignment", static_cast<uint32_t>(m.Number()));
}

void MutateTensor(GgufWriter& draft, Mutation& m) {
  if (draft.tensors.empty()) draft.AddTensor("token_embd.weight", 0, {2, 4});
  GgufWriter::Tensor& tensor = draft.tensors[m.Below(draft.tensors.size())];
  switch (m.Below(7)) {
    case 0:
      if (!tensor.dims.empty()) tensor.dims[m.Below(tensor.dims.size())] = m.Number();
      return;
    case 1:
      tensor.dims.insert(tensor.dims.end(), m.Below(12), m.OneIn(2) ? 1 : m.Number());
      return;
    case 2:
      tensor.type = static_cast<uint32_t>(m.OneIn(4) ? m.Number() : m.Below(32));
      return;
    case 3:
      tensor.offset = m.Number() & ~uint64_t{31};
      return;
    case 4:
      tensor.data.resize(m.Below(tensor.data.size() + 1));
      return;
    case 5:
      tensor.dim_count = static_cast<uint32_t>(m.Number());
      return;
    case 6:
      tensor.name = m.Bytes(tensor.name);
      return;
  }
}

/// Dimensions whose product wraps to the small number that the data holds.
void WrapDimensions(GgufWriter& draft, Mutation& m) {
  if (draft.tensors.empty()) return;
  GgufWriter::Tensor& tensor = draft.tensors[m.Below(draft.tensors.size())];
  const uint64_t half = uint64_t{1} << (30 + m.Below(8));
  tensor.dims = {half, half, uint64_t{1} << m.Below(10)};
}

}  // namespace
}  // namespace longshot

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  longshot::Attempt([&] { longshot::ReadAll(bytes); });
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace longshot;
  Mutation m(seed);
  auto draft = ParseGgufDraft({reinterpret_cast<const char*>(data), size});
  if (!draft || m.OneIn(10)) return LLVMFuzzerMutate(data, size, max_size);
  constexpr void (*kMutations[])(GgufWriter&, Mutation&) = {MutateHeader, MutateEntry,  MutateEntry,  MutateEntry,
                                                            SetAlignment, MutateTensor, MutateTensor, WrapDimensions};
  for (size_t i = 0, count = 1 + m.Below(3); i < count; ++i) kMutations[m.Below(std::size(kMutations))](*draft, m);
  return StoreInput(draft->Build(), data, max_size);
}
