#include "runtime/model/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/checked.h"
#include "core/error.h"
#include "core/planted_bug.h"
#include "core/printable.h"
#include "runtime/model/byte_reader.h"
#include "runtime/model/json_fields.h"
#include "runtime/text/bounded_json.h"

namespace longshot {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation
constexpr size_t kMaxDims = 8;

/// Bytes of one element, 0 for a name that is not a safetensors type.
int64_t ElementBytes(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "BOOL" || dtype == "U8" || dtype == "I8" || dtype == "F8_E5M2" || dtype == "F8_E4M3") return 1;
  return 0;
}

/// A tensor as the header states it.
struct Declared {
  SafetensorsTensor tensor;
  std::vector<int64_t> offsets;
  bool has_dtype = false, has_shape = false, has_offsets = false;
};

/// Receives the header's JSON as events and accepts only its one form, so that nothing is built from what
/// does not belong there: {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]},
/// "__metadata__": {..}}.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Declared> declared;
  std::vector<std::string> metadata_keys;

  bool null() override { Unexpected("null"); }
  bool boolean(bool) override { Unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { Unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { Unexpected("a fraction"); }
  bool binary(binary_t&) override { Unexpected("binary data"); }
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t& value) override;
  bool start_object(size_t) override;
  bool key(string_t& name) override;
  bool end_object() override;
  bool start_array(size_t) override;
  bool end_array() override;
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override;

 private:
  enum class Place { kStart, kTop, kMetadata, kTensor, kArray, kEnd };

  [[noreturn]] void Unexpected(const char* what) const {
    Throw(ErrorCode::kFormat, "safetensors header has {} where it does not belong, in entry {}", what,
          Printable(name_));
  }
  void OpenField(const std::string& field);

  Place place_ = Place::kStart;
  std::string name_;                       ///< of the current entry
  std::string field_;                      ///< of the current tensor
  std::vector<int64_t>* array_ = nullptr;  ///< numbers go here
};

bool HeaderReader::number_unsigned(number_unsigned_t value) {
  if (place_ != Place::kArray) Unexpected("a number");
  if (value > static_cast<uint64_t>(INT64_MAX)) Unexpected("a number past 2^63");
  if (array_->size() >= kMaxDims) {
    Throw(ErrorCode::kFormat, "safetensors tensor {} has more than {} dimensions", Printable(name_), kMaxDims);
  }
  array_->push_back(static_cast<int64_t>(value));
  return true;
}

bool HeaderReader::string(string_t& value) {
  if (place_ == Place::kMetadata) return true;
  if (place_ != Place::kTensor || field_ != "dtype") Unexpected("a string");
  declared.back().tensor.dtype = value;
  field_.clear();
  return true;
}

bool HeaderReader::start_object(size_t) {
  if (place_ == Place::kStart) {
    place_ = Place::kTop;
  } else if (place_ == Place::kTop && name_ == "__metadata__") {
    place_ = Place::kMetadata;
  } else if (place_ == Place::kTop) {
    place_ = Place::kTensor;
    declared.emplace_back();
    declared.back().tensor.name = name_;
  } else {
    Unexpected("an object");
  }
  return true;
}

bool HeaderReader::key(string_t& name) {
  if (place_ == Place::kTop) {
    name_ = name;
    if (name == "__metadata__") metadata_keys.push_back(name);
  } else if (place_ == Place::kMetadata) {
    metadata_keys.push_back("__metadata__." + name);
  } else {
    OpenField(name);
  }
  return true;
}

void HeaderReader::OpenField(const std::string& field) {
  Declared& current = declared.back();
  bool* seen = field == "dtype"          ? &current.has_dtype
               : field == "shape"        ? &current.has_shape
               : field == "data_offsets" ? &current.has_offsets
                                         : nullptr;
  if (seen == nullptr || *seen) {
    Throw(ErrorCode::kFormat, "safetensors tensor {} has {} field {}", Printable(name_),
          seen == nullptr ? "an unknown" : "twice the", Printable(field));
  }
  *seen = true;
  field_ = field;
}

bool HeaderReader::end_object() {
  if (place_ == Place::kTop) {
    place_ = Place::kEnd;
    return true;
  }
  const Declared* current = place_ == Place::kTensor ? &declared.back() : nullptr;
  if (current != nullptr && !(current->has_dtype && current->has_shape && current->has_offsets)) {
    Throw(ErrorCode::kFormat, "safetensors tensor {} lacks dtype, shape or data_offsets", Printable(name_));
  }
  place_ = Place::kTop;
  return true;
}

bool HeaderReader::start_array(size_t) {
  if (place_ != Place::kTensor || (field_ != "shape" && field_ != "data_offsets")) Unexpected("an array");
  place_ = Place::kArray;
  array_ = field_ == "shape" ? &declared.back().tensor.shape : &declared.back().offsets;
  return true;
}

bool HeaderReader::end_array() {
  place_ = Place::kTensor;
  field_.clear();
  return true;
}

bool HeaderReader::parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
  Throw(ErrorCode::kFormat, "safetensors header is not valid JSON at byte {}", position);
}

/// The header's text without its padding.
std::string_view HeaderText(ByteReader& in) {
  const auto length = in.Read<uint64_t>("safetensors header length");
  if (length > kMaxHeaderBytes) {
    Throw(ErrorCode::kFormat, "safetensors header of {} bytes, more than the limit of {}", length, kMaxHeaderBytes);
  }
  std::string_view text = Planted(PlantedBug::kSafetensorsHeader)
                              ? std::string_view(AsText(in.Take(0, "safetensors header")).data(), length)
                              : AsText(in.Take(length, "safetensors header"));
  const size_t end = text.find_last_not_of(' ');
  text = text.substr(0, end == text.npos ? 0 : end + 1);
  if (!text.starts_with('{') || !text.ends_with('}')) {
    Throw(ErrorCode::kFormat, "safetensors header is not a JSON object padded with spaces");
  }
  return text;
}

template <class Text>
void RefuseDuplicates(std::vector<Text> names) {
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    Throw(ErrorCode::kFormat, "safetensors header has {} twice: damaged or hostile file", Printable(*twice));
  }
}

int64_t DeclaredBytes(const SafetensorsTensor& tensor) {
  const int64_t element = ElementBytes(tensor.dtype);
  if (element == 0) {
    Throw(ErrorCode::kUnsupported, "safetensors tensor {} has type {}; supported: F32, F16, BF16",
          Printable(tensor.name), Printable(tensor.dtype));
  }
  int64_t bytes = element;
  for (const int64_t dim : tensor.shape) {
    if (dim == 0) Throw(ErrorCode::kFormat, "safetensors tensor {} has a dimension of 0", Printable(tensor.name));
    bytes = CheckedProduct({bytes, dim}, "safetensors tensor size");
  }
  return bytes;
}

/// Checks one tensor's range, given where the data before it ends, and returns its own end.
int64_t Locate(Declared& declared, int64_t begin, std::span<const std::byte> data) {
  SafetensorsTensor& tensor = declared.tensor;
  if (declared.offsets.size() != 2) {
    Throw(ErrorCode::kFormat, "safetensors tensor {} has {} data_offsets, expected 2", Printable(tensor.name),
          declared.offsets.size());
  }
  const int64_t bytes = DeclaredBytes(tensor), end = declared.offsets[1];
  const bool inside = end <= static_cast<int64_t>(data.size()) || Planted(PlantedBug::kSafetensorsRange);
  if (declared.offsets[0] != begin || end < begin || !inside) {
    Throw(ErrorCode::kFormat,
          "safetensors tensor {} lies at [{}, {}) of {} data bytes, expected to begin at {}: damaged or "
          "hostile file",
          Printable(tensor.name), declared.offsets[0], end, data.size(), begin);
  }
  if (end - begin != bytes) {
    Throw(ErrorCode::kFormat, "safetensors tensor {} has {} data bytes, but its type and shape need {}",
          Printable(tensor.name), end - begin, bytes);
  }
  tensor.bytes = {data.data() + begin, static_cast<size_t>(bytes)};
  return end;
}

bool IsPlainShardName(std::string_view name) {
  return name.ends_with(".safetensors") && name.find_first_of("/\\:") == name.npos && !name.starts_with('.') &&
         name.find('\0') == name.npos && name.size() <= 255;
}

}  // namespace

std::vector<SafetensorsTensor> ParseSafetensors(std::span<const std::byte> file) {
  ByteReader in(file);
  HeaderReader header;
  nlohmann::json::sax_parse(HeaderText(in), &header);
  RefuseDuplicates(std::move(header.metadata_keys));
  std::vector<std::string_view> names;
  for (const Declared& declared : header.declared) names.push_back(declared.tensor.name);
  RefuseDuplicates(std::move(names));

  std::sort(header.declared.begin(), header.declared.end(),
            [](const Declared& a, const Declared& b) { return a.offsets < b.offsets; });
  const auto data = in.Take(in.remaining(), "safetensors data");
  std::vector<SafetensorsTensor> tensors;
  int64_t end = 0;
  for (Declared& declared : header.declared) {
    end = Locate(declared, end, data);
    tensors.push_back(std::move(declared.tensor));
  }
  if (end != static_cast<int64_t>(data.size()) && !Planted(PlantedBug::kSafetensorsRange)) {
    Throw(ErrorCode::kFormat, "safetensors file has {} data bytes, but its tensors end at {}: damaged or hostile file",
          data.size(), end);
  }
  return tensors;
}

std::optional<DType> DTypeFromSafetensors(std::string_view dtype) {
  if (dtype == "F32") return DType::kF32;
  if (dtype == "F16") return DType::kF16;
  if (dtype == "BF16") return DType::kBF16;
  return std::nullopt;
}

std::map<std::string, std::string> ParseShardIndex(std::string_view text, const std::string& what) {
  const nlohmann::json index = ParseBoundedJson(text, what);
  const nlohmann::json* weights = JsonFields(index, what).Find("weight_map");
  if (weights == nullptr || !weights->is_object()) {
    Throw(ErrorCode::kFormat, "{}: weight_map is missing or not an object", what);
  }
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : weights->items()) {
    const bool plain = shard.is_string() && IsPlainShardName(shard.get_ref<const std::string&>());
    if (!shard.is_string() || (!plain && !Planted(PlantedBug::kShardPath))) {
      Throw(ErrorCode::kFormat, "{}: shard {} of tensor {} is not the plain name of a .safetensors file", what,
            Printable(shard.dump()), Printable(tensor));
    }
    shards.emplace(tensor, shard.get<std::string>());
  }
  return shards;
}

}  // namespace longshot
