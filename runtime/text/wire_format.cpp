#include "runtime/text/wire_format.h"

#include <bit>

#include "core/error.h"

namespace longshot {

bool WireReader::Next(WireField& field) {
  if (rest_.empty()) return false;
  const uint64_t tag = Varint();
  field = {};
  if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF)
    Throw(ErrorCode::kFormat, "{}: field number {} is out of range", what_, tag >> 3);
  field.id = static_cast<uint32_t>(tag >> 3);
  field.type = static_cast<WireField::Type>(tag & 7);
  switch (field.type) {
    case WireField::Type::kVarint:
      field.number = Varint();
      return true;
    case WireField::Type::kFixed64:
      field.number = Fixed(8);
      return true;
    case WireField::Type::kFixed32:
      field.number = Fixed(4);
      return true;
    case WireField::Type::kBytes: {
      const uint64_t size = Varint();
      if (size > rest_.size()) {
        Throw(ErrorCode::kFormat, "{}: field {} has {} bytes, but only {} are left", what_, field.id, size,
              rest_.size());
      }
      field.bytes = rest_.substr(0, size);
      rest_.remove_prefix(size);
      return true;
    }
  }
  Throw(ErrorCode::kFormat, "{}: field {} has the unknown wire type {}", what_, field.id, tag & 7);
}

uint64_t WireReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) Throw(ErrorCode::kFormat, "{}: ends inside a number", what_);
    const auto byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
  Throw(ErrorCode::kFormat, "{}: a number has more than 10 bytes", what_);
}

uint64_t WireReader::Fixed(int bytes) {
  if (rest_.size() < static_cast<size_t>(bytes)) Throw(ErrorCode::kFormat, "{}: ends inside a number", what_);
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= uint64_t{static_cast<uint8_t>(rest_[i])} << 8 * i;
  rest_.remove_prefix(bytes);
  return value;
}

void WireWriter::Raw(uint64_t value) {
  for (; value >= 0x80; value >>= 7) message_ += static_cast<char>(value | 0x80);
  message_ += static_cast<char>(value);
}

void WireWriter::Varint(uint32_t id, uint64_t value) {
  Tag(id, WireField::Type::kVarint);
  Raw(value);
}

void WireWriter::Float(uint32_t id, float value) {
  Tag(id, WireField::Type::kFixed32);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int i = 0; i < 4; ++i) message_ += static_cast<char>(bits >> 8 * i);
}

void WireWriter::Bytes(uint32_t id, std::string_view value) {
  Tag(id, WireField::Type::kBytes);
  Raw(value.size());
  message_ += value;
}

}  // namespace longshot
