#include "runtime/model/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>

#include "core/checked.h"
#include "core/error.h"
#include "core/planted_bug.h"
#include "core/printable.h"
#include "runtime/model/byte_reader.h"
#include "runtime/model/dequantize.h"

namespace longshot {
namespace {

constexpr uint32_t kTypeCount = 13;
constexpr uint32_t kMaxDims = 4;                    // GGML_MAX_DIMS
constexpr uint64_t kMaxLength = uint64_t{1} << 30;  // of a string or an array, as ggml has it
constexpr uint64_t kMaxEntries = 1 << 16;           // of metadata; published files have about 40
constexpr int64_t kDefaultAlignment = 32;           // GGUF_DEFAULT_ALIGNMENT

/// Stored size of a scalar type, 0 for strings and arrays.
constexpr uint64_t Size(GgufType type) {
  constexpr std::array<uint64_t, kTypeCount> kSizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kSizes[static_cast<uint32_t>(type)];
}

uint64_t ReadLength(ByteReader& in, const char* what) {
  const auto length = in.Read<uint64_t>(what);
  if (length > kMaxLength) {
    Throw(ErrorCode::kFormat, "{} at byte {} is {}, more than the limit of {}: damaged or hostile file", what,
          in.position() - sizeof length, length, kMaxLength);
  }
  return length;
}

std::span<const std::byte> ReadString(ByteReader& in, const char* what) { return in.Take(ReadLength(in, what), what); }

GgufType ReadType(ByteReader& in, std::string_view key) {
  const auto type = in.Read<uint32_t>("metadata type");
  if (type >= kTypeCount) {
    Throw(ErrorCode::kFormat, "metadata {} has type {}, expected 0 to {}: damaged file", Printable(key), type,
          kTypeCount - 1);
  }
  return static_cast<GgufType>(type);
}

/// Reads past an array's elements and returns their bytes; strings are walked, so that later reads may trust
/// them.
std::span<const std::byte> ReadElements(ByteReader& in, std::span<const std::byte> file, const GgufEntry& entry) {
  if (entry.element_type == GgufType::kArray) {
    Throw(ErrorCode::kFormat, "metadata {} is an array of arrays, which GGUF readers do not accept",
          Printable(entry.key));
  }
  const uint64_t begin = in.position();
  if (entry.element_type == GgufType::kString) {
    for (uint64_t i = 0; i < entry.count; ++i) ReadString(in, "metadata string");
  } else {
    in.Take(entry.count * Size(entry.element_type), "metadata array");
  }
  return file.subspan(begin, in.position() - begin);
}

GgufEntry ReadEntry(ByteReader& in, std::span<const std::byte> file) {
  GgufEntry entry;
  entry.key = AsText(ReadString(in, "metadata key"));
  entry.type = ReadType(in, entry.key);
  if (entry.type == GgufType::kString) {
    entry.payload = ReadString(in, "metadata string");
  } else if (entry.type == GgufType::kArray) {
    entry.element_type = ReadType(in, entry.key);
    entry.count = ReadLength(in, "length of a metadata array");
    entry.payload = ReadElements(in, file, entry);
  } else {
    entry.payload = in.Take(Size(entry.type), "metadata value");
  }
  if (entry.type == GgufType::kBool && LoadAt<uint8_t>(entry.payload, 0) > 1) {
    Throw(ErrorCode::kFormat, "metadata {} is a bool with value {}, expected 0 or 1", Printable(entry.key),
          LoadAt<uint8_t>(entry.payload, 0));
  }
  return entry;
}

/// Indices ordered by name. Errors: kFormat when two are equal.
template <class Name>
std::vector<uint32_t> OrderUnique(size_t count, const char* what, Name name) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
  const auto twice =
      std::adjacent_find(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return name(a) == name(b); });
  if (twice != order.end()) {
    Throw(ErrorCode::kFormat, "{} {} appears twice: damaged or hostile file", what, Printable(name(*twice)));
  }
  return order;
}

uint32_t ReadVersion(ByteReader& in) {
  if (in.remaining() < 4 || AsText(in.Take(4, "magic")) != "GGUF") {
    Throw(ErrorCode::kFormat, "not a GGUF file: it does not begin with \"GGUF\"");
  }
  const auto version = in.Read<uint32_t>("GGUF version");
  if (version == 2 || version == 3) return version;
  if (version != 0 && (version & 0xFFFF) == 0) {
    Throw(ErrorCode::kUnsupported, "big-endian GGUF file, expected little-endian: convert it for this machine");
  }
  Throw(ErrorCode::kUnsupported, "GGUF version {}, expected 2 or 3: convert the model with a current llama.cpp",
        version);
}

void RefuseSplit(const GgufFile& file) {
  const int64_t parts = file.Integer("split.count").value_or(1);
  if (parts <= 1) return;
  Throw(ErrorCode::kUnsupported,
        "this GGUF is part {} of {}: join the parts first with "
        "`llama-gguf-split --merge FIRST-00001-of-{:05}.gguf JOINED.gguf`",
        file.Integer("split.no").value_or(0) + 1, parts, parts);
}

int64_t Alignment(const GgufFile& file) {
  const GgufEntry* entry = file.Find("general.alignment");
  if (entry == nullptr) return kDefaultAlignment;
  if (entry->type != GgufType::kU32) {
    Throw(ErrorCode::kFormat, "metadata general.alignment has type {}, expected u32", Name(entry->type));
  }
  const auto alignment = LoadAt<uint32_t>(entry->payload, 0);
  if (!Planted(PlantedBug::kZeroDivision) && !std::has_single_bit(alignment)) {
    Throw(ErrorCode::kFormat, "metadata general.alignment is {}, expected a power of two", alignment);
  }
  return alignment;
}

std::vector<int64_t> ReadShape(ByteReader& in, std::string_view name) {
  const auto dims = in.Read<uint32_t>("number of dimensions");
  if (dims == 0 || (dims > kMaxDims && !Planted(PlantedBug::kTooManyDims))) {
    Throw(ErrorCode::kFormat, "tensor {} has {} dimensions, expected 1 to {}", Printable(name), dims, kMaxDims);
  }
  std::array<int64_t, kMaxDims> innermost_first{};
  int64_t* next = innermost_first.data();
  for (uint32_t i = 0; i < dims; ++i) {
    const auto dim = in.Read<int64_t>("tensor dimension");
    if (dim <= 0) {
      Throw(ErrorCode::kFormat, "tensor {} has dimension {}, expected 1 or more", Printable(name), dim);
    }
    *next++ = dim;
  }
  return {std::reverse_iterator(next), std::reverse_iterator(innermost_first.data())};
}

int64_t ElementCount(const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (const int64_t dim : shape) {
    if (Planted(PlantedBug::kSizeOverflow)) {
      elements = static_cast<int64_t>(static_cast<uint64_t>(elements) * static_cast<uint64_t>(dim));
    } else {
      elements = CheckedProduct({elements, dim}, "tensor dimensions");
    }
  }
  return elements;
}

GgufTensor ReadTensor(ByteReader& in) {
  GgufTensor tensor;
  tensor.name = AsText(ReadString(in, "tensor name"));
  tensor.shape = ReadShape(in, tensor.name);
  tensor.type = in.Read<uint32_t>("tensor type");
  tensor.offset = in.Read<uint64_t>("tensor offset");
  return tensor;
}

/// Stored size of a tensor, or nothing when its type is not known here.
std::optional<uint64_t> StoredBytes(const GgufTensor& tensor) {
  const int64_t elements = ElementCount(tensor.shape);
  const std::optional<DType> type = DTypeFromGgml(tensor.type);
  if (!type) return std::nullopt;
  const DTypeInfo info = Info(*type);
  if (tensor.shape.back() % info.block_size != 0) {
    Throw(ErrorCode::kFormat, "tensor {} has rows of {} elements, but {} stores blocks of {}", Printable(tensor.name),
          tensor.shape.back(), info.name, info.block_size);
  }
  return CheckedProduct({elements / info.block_size, info.block_bytes}, "tensor size");
}

void LocateTensor(GgufTensor& tensor, std::span<const std::byte> data, int64_t alignment) {
  if (tensor.offset % static_cast<uint64_t>(alignment) != 0) {
    Throw(ErrorCode::kFormat, "tensor {} starts at offset {}, expected a multiple of the alignment {}",
          Printable(tensor.name), tensor.offset, alignment);
  }
  const std::optional<uint64_t> size = StoredBytes(tensor);
  const bool inside = tensor.offset <= data.size() && size.value_or(0) <= data.size() - tensor.offset;
  if (!inside && !Planted(PlantedBug::kTensorRange)) {
    Throw(ErrorCode::kFormat, "tensor {} needs {} bytes at offset {}, but the data section has {}: truncated file",
          Printable(tensor.name), size.value_or(0), tensor.offset, data.size());
  }
  if (size) tensor.bytes = {data.data() + tensor.offset, *size};
}

void RefuseOverlap(std::span<const GgufTensor> tensors) {
  std::vector<uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return tensors[a].offset < tensors[b].offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const GgufTensor &before = tensors[order[i - 1]], &after = tensors[order[i]];
    if (before.bytes.size() > after.offset - before.offset) {
      Throw(ErrorCode::kFormat, "tensors {} and {} overlap at offset {}: damaged or hostile file",
            Printable(before.name), Printable(after.name), after.offset);
    }
  }
}

[[noreturn]] void ThrowType(const GgufEntry& entry, std::string_view expected) {
  const bool array = entry.type == GgufType::kArray;
  Throw(ErrorCode::kFormat, "metadata {} has type {}{}, expected {}: damaged or hostile file", Printable(entry.key),
        array ? "array of " : "", Name(array ? entry.element_type : entry.type), expected);
}

template <class T>
std::vector<T> CopyArray(const GgufEntry& entry) {
  std::vector<T> values(entry.count);
  if (entry.count > 0) std::memcpy(values.data(), entry.payload.data(), entry.count * sizeof(T));
  return values;
}

std::string DescribeScalar(GgufType type, std::span<const std::byte> bytes, uint64_t i) {
  switch (type) {
    case GgufType::kU8:
      return fmt::to_string(LoadAt<uint8_t>(bytes, i));
    case GgufType::kI8:
      return fmt::to_string(int{LoadAt<int8_t>(bytes, i)});
    case GgufType::kU16:
      return fmt::to_string(LoadAt<uint16_t>(bytes, i));
    case GgufType::kI16:
      return fmt::to_string(LoadAt<int16_t>(bytes, i));
    case GgufType::kU32:
      return fmt::to_string(LoadAt<uint32_t>(bytes, i));
    case GgufType::kI32:
      return fmt::to_string(LoadAt<int32_t>(bytes, i));
    case GgufType::kF32:
      return fmt::format("{}", LoadAt<float>(bytes, i));
    case GgufType::kBool:
      return LoadAt<uint8_t>(bytes, i) != 0 ? "true" : "false";
    case GgufType::kU64:
      return fmt::to_string(LoadAt<uint64_t>(bytes, i));
    case GgufType::kI64:
      return fmt::to_string(LoadAt<int64_t>(bytes, i));
    case GgufType::kF64:
      return fmt::format("{}", LoadAt<double>(bytes, i));
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return {};
}

}  // namespace

std::string_view Name(GgufType type) {
  constexpr std::array<std::string_view, kTypeCount> kNames{"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                            "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<uint32_t>(type)];
}

GgufFile::GgufFile(std::span<const std::byte> file) {
  ByteReader in(file);
  version_ = ReadVersion(in);
  const auto tensor_count = in.Read<uint64_t>("tensor count");
  const auto entry_count = in.Read<uint64_t>("metadata count");
  if (entry_count > kMaxEntries && !Planted(PlantedBug::kUncheckedCount)) {
    Throw(ErrorCode::kFormat, "{} metadata entries, more than the limit of {}: damaged or hostile file", entry_count,
          kMaxEntries);
  }
  if (Planted(PlantedBug::kUncheckedCount)) entries_.reserve(entry_count);
  for (uint64_t i = 0; i < entry_count; ++i) entries_.push_back(ReadEntry(in, file));
  by_key_ = OrderUnique(entries_.size(), "metadata", [&](uint32_t i) { return entries_[i].key; });
  RefuseSplit(*this);
  const int64_t alignment = Alignment(*this);

  for (uint64_t i = 0; i < tensor_count; ++i) tensors_.push_back(ReadTensor(in));
  OrderUnique(tensors_.size(), "tensor", [&](uint32_t i) { return tensors_[i].name; });
  if (tensors_.empty()) return;
  const int64_t data_begin = RoundUp(static_cast<int64_t>(in.position()), alignment);
  const auto data = file.subspan(std::min<uint64_t>(static_cast<uint64_t>(data_begin), file.size()));
  for (GgufTensor& tensor : tensors_) LocateTensor(tensor, data, alignment);
  RefuseOverlap(tensors_);
}

const GgufEntry* GgufFile::Find(std::string_view key) const {
  const auto at = std::lower_bound(by_key_.begin(), by_key_.end(), key,
                                   [&](uint32_t i, std::string_view k) { return entries_[i].key < k; });
  return at != by_key_.end() && entries_[*at].key == key ? &entries_[*at] : nullptr;
}

std::optional<int64_t> GgufFile::Integer(std::string_view key) const {
  const GgufEntry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  switch (entry->type) {
    case GgufType::kU8:
      return LoadAt<uint8_t>(entry->payload, 0);
    case GgufType::kI8:
      return LoadAt<int8_t>(entry->payload, 0);
    case GgufType::kU16:
      return LoadAt<uint16_t>(entry->payload, 0);
    case GgufType::kI16:
      return LoadAt<int16_t>(entry->payload, 0);
    case GgufType::kU32:
      return LoadAt<uint32_t>(entry->payload, 0);
    case GgufType::kI32:
      return LoadAt<int32_t>(entry->payload, 0);
    case GgufType::kI64:
      return LoadAt<int64_t>(entry->payload, 0);
    case GgufType::kU64: {
      const auto value = LoadAt<uint64_t>(entry->payload, 0);
      if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return static_cast<int64_t>(value);
      Throw(ErrorCode::kFormat, "metadata {} is {}, larger than any meaningful value", Printable(key), value);
    }
    default:
      ThrowType(*entry, "an integer");
  }
}

std::optional<double> GgufFile::Float(std::string_view key) const {
  const GgufEntry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->type == GgufType::kF32) return LoadAt<float>(entry->payload, 0);
  if (entry->type == GgufType::kF64) return LoadAt<double>(entry->payload, 0);
  ThrowType(*entry, "f32");
}

std::optional<bool> GgufFile::Bool(std::string_view key) const {
  const GgufEntry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->type != GgufType::kBool) ThrowType(*entry, "bool");
  return LoadAt<uint8_t>(entry->payload, 0) != 0;
}

std::optional<std::string_view> GgufFile::String(std::string_view key) const {
  const GgufEntry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->type != GgufType::kString) ThrowType(*entry, "string");
  return AsText(entry->payload);
}

const GgufEntry* GgufFile::FindArray(std::string_view key, GgufType element_type) const {
  const GgufEntry* entry = Find(key);
  if (entry == nullptr) return nullptr;
  const bool confused = entry->type == GgufType::kArray && Planted(PlantedBug::kTypeConfusion);
  if (!confused && (entry->type != GgufType::kArray || entry->element_type != element_type)) {
    ThrowType(*entry, fmt::format("array of {}", Name(element_type)));
  }
  return entry;
}

std::optional<std::vector<std::string_view>> GgufFile::Strings(std::string_view key) const {
  const GgufEntry* entry = FindArray(key, GgufType::kString);
  if (entry == nullptr) return std::nullopt;
  std::vector<std::string_view> values;
  values.reserve(entry->count);
  ByteReader in(entry->payload);
  for (uint64_t i = 0; i < entry->count; ++i) values.push_back(AsText(ReadString(in, "metadata string")));
  return values;
}

std::optional<std::vector<float>> GgufFile::Floats(std::string_view key) const {
  const GgufEntry* entry = FindArray(key, GgufType::kF32);
  if (entry == nullptr) return std::nullopt;
  return CopyArray<float>(*entry);
}

std::optional<std::vector<int32_t>> GgufFile::Ints(std::string_view key) const {
  const GgufEntry* entry = FindArray(key, GgufType::kI32);
  if (entry == nullptr) return std::nullopt;
  return CopyArray<int32_t>(*entry);
}

std::string Describe(const GgufEntry& entry) {
  if (entry.type == GgufType::kString) return Printable(AsText(entry.payload));
  if (entry.type != GgufType::kArray) return DescribeScalar(entry.type, entry.payload, 0);
  constexpr uint64_t kShown = 6;
  std::string text = fmt::format("{} x {} [", entry.count, Name(entry.element_type));
  ByteReader strings(entry.payload);
  for (uint64_t i = 0; i < std::min(entry.count, kShown); ++i) {
    if (i > 0) text += ", ";
    text += entry.element_type == GgufType::kString ? Printable(AsText(ReadString(strings, "metadata string")), 24)
                                                    : DescribeScalar(entry.element_type, entry.payload, i);
  }
  return text + (entry.count > kShown ? ", ...]" : "]");
}

}  // namespace longshot
