#include "tests/fuzz/gguf_draft.h"

#include <algorithm>
#include <array>

namespace longshot {
namespace {

/// Reads forward; after a read past the end `ok` is false and all reads give zero.
struct Cursor {
  std::string_view rest;
  bool ok = true;

  std::string_view Take(uint64_t count) {
    ok = ok && count <= rest.size();
    if (!ok) return {};
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }
  template <class T>
  T Read() {
    T value{};
    const std::string_view bytes = Take(sizeof value);
    if (ok) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
};

void SkipValue(Cursor& in, uint32_t type) {
  constexpr std::array<uint64_t, 13> kSizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  if (type == static_cast<uint32_t>(GgufType::kString)) {
    in.Take(in.Read<uint64_t>());
  } else if (type >= kSizes.size() || kSizes[type] == 0) {
    in.ok = false;  // an array inside an array: a draft has none, and a count of 2^60 of them would take for ever
  } else {
    in.Take(kSizes[type]);
  }
}

std::string ReadEntry(Cursor& in) {
  const std::string_view begin = in.rest;
  in.Take(in.Read<uint64_t>());
  const auto type = in.Read<uint32_t>();
  if (type == static_cast<uint32_t>(GgufType::kArray)) {
    const auto element = in.Read<uint32_t>();
    const auto count = in.Read<uint64_t>();
    for (uint64_t i = 0; i < count && in.ok; ++i) SkipValue(in, element);
  } else {
    SkipValue(in, type);
  }
  return std::string(begin.substr(0, begin.size() - in.rest.size()));
}

GgufWriter::Tensor ReadTensor(Cursor& in) {
  GgufWriter::Tensor tensor;
  tensor.name = std::string(in.Take(in.Read<uint64_t>()));
  const auto dims = in.Read<uint32_t>();
  if (dims > 16) in.ok = false;
  for (uint32_t i = 0; i < dims && in.ok; ++i) tensor.dims.push_back(in.Read<uint64_t>());
  tensor.type = in.Read<uint32_t>();
  tensor.offset = in.Read<uint64_t>();
  return tensor;
}

/// Gives each tensor the bytes from its offset to the next; offsets that make no sense are kept as lies.
void DistributeData(std::string_view data, GgufWriter& draft) {
  for (size_t i = 0; i < draft.tensors.size(); ++i) {
    GgufWriter::Tensor& tensor = draft.tensors[i];
    const uint64_t next = i + 1 < draft.tensors.size() ? *draft.tensors[i + 1].offset : data.size();
    if (*tensor.offset > next || next > data.size()) continue;
    tensor.data = std::string(data.substr(*tensor.offset, next - *tensor.offset));
    tensor.offset.reset();
  }
}

}  // namespace

EntryParts::EntryParts(const std::string& entry) {
  uint64_t length = 0;
  std::memcpy(&length, entry.data(), sizeof length);
  type = key + length;
  value = type + 4;
}

std::optional<GgufWriter> ParseGgufDraft(std::string_view file) {
  GgufWriter draft;
  Cursor in{file};
  draft.magic = std::string(in.Take(4));
  draft.version = in.Read<uint32_t>();
  const auto tensors = in.Read<uint64_t>(), entries = in.Read<uint64_t>();
  if (!in.ok || tensors > 1000 || entries > 1000) return std::nullopt;
  for (uint64_t i = 0; i < entries && in.ok; ++i) draft.entries.push_back(ReadEntry(in));
  for (uint64_t i = 0; i < tensors && in.ok; ++i) draft.tensors.push_back(ReadTensor(in));
  if (!in.ok) return std::nullopt;
  const size_t header = file.size() - in.rest.size();
  const size_t data = (header + draft.alignment - 1) / draft.alignment * draft.alignment;
  DistributeData(file.substr(std::min(data, file.size())), draft);
  return draft;
}

}  // namespace longshot
