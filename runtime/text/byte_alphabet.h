#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace longshot {

/// The byte-level alphabet: one printable character per byte, so that a BPE vocabulary over it covers any
/// text. Printable Latin-1 bytes stand for themselves; the 68 others, in order, for U+0100 onwards. Source:
/// the GPT-2 tokenizer, Radford et al. 2019.
std::string_view ByteCharacter(uint8_t byte);

/// Spells raw bytes in the alphabet.
std::string BytesToPiece(std::string_view bytes);

/// Raw bytes of a spelled piece. What is not in the alphabet is kept as it is.
std::string PieceToBytes(std::string_view piece);

}  // namespace longshot
