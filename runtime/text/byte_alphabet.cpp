#include "runtime/text/byte_alphabet.h"

#include <algorithm>
#include <array>

#include "core/utf8.h"

namespace longshot {
namespace {

constexpr uint32_t kFirstSubstitute = 0x100;
constexpr int kSubstitutes = 68;

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int16_t, kFirstSubstitute + kSubstitutes> byte_of;  ///< by code point, -1 when not in the alphabet

  Alphabet() {
    byte_of.fill(-1);
    uint32_t substitute = kFirstSubstitute;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
      const uint32_t code_point = printable ? byte : substitute++;
      AppendCodePoint(code_point, characters[byte]);
      byte_of[code_point] = static_cast<int16_t>(byte);
    }
  }
};

const Alphabet& TheAlphabet() {
  static const Alphabet alphabet;
  return alphabet;
}

}  // namespace

std::string_view ByteCharacter(uint8_t byte) { return TheAlphabet().characters[byte]; }

std::string BytesToPiece(std::string_view bytes) {
  std::string piece;
  piece.reserve(bytes.size() * 2);
  for (char byte : bytes) piece += ByteCharacter(static_cast<uint8_t>(byte));
  return piece;
}

std::string PieceToBytes(std::string_view piece) {
  const Alphabet& alphabet = TheAlphabet();
  std::string bytes;
  for (size_t at = 0; at < piece.size();) {
    const size_t length = std::max(1, CodePointLength(piece.substr(at, 4)));
    const std::string_view character = piece.substr(at, length);
    const uint32_t code_point = CodePointLength(character) > 0 ? DecodeCodePoint(character) : UINT32_MAX;
    const int byte = code_point < alphabet.byte_of.size() ? alphabet.byte_of[code_point] : -1;
    if (byte >= 0) {
      bytes += static_cast<char>(byte);
    } else {
      bytes += character;
    }
    at += length;
  }
  return bytes;
}

}  // namespace longshot
