#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace longshot {

/// One field of a protocol-buffer message: `bytes` for length-delimited fields, `number` for the others.
struct WireField {
  enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  uint32_t id = 0;
  Type type = Type::kVarint;
  uint64_t number = 0;
  std::string_view bytes;
};

/// Reads the protocol-buffer wire format field by field; copies nothing and never reads past `message`.
/// Source: protobuf.dev, "Encoding".
class WireReader {
 public:
  /// `what` names the message in errors.
  WireReader(std::string_view message, std::string_view what) : rest_(message), what_(what) {}

  /// False at the end. Errors: kFormat for a field that is cut short, malformed or of an unknown wire type.
  bool Next(WireField& field);

 private:
  uint64_t Varint();
  uint64_t Fixed(int bytes);

  std::string_view rest_;
  std::string_view what_;
};

/// Builds a message in the same format.
class WireWriter {
 public:
  void Varint(uint32_t id, uint64_t value);
  void Float(uint32_t id, float value);
  void Bytes(uint32_t id, std::string_view value);
  const std::string& message() const { return message_; }

 private:
  void Raw(uint64_t value);
  void Tag(uint32_t id, WireField::Type type) { Raw(uint64_t{id} << 3 | static_cast<uint64_t>(type)); }

  std::string message_;
};

}  // namespace longshot
