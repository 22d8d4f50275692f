#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace longshot {

/// Bytes [offset, offset + length) of a text, at most as many tokens as was asked for.
struct TextSpan {
  int64_t offset = 0, length = 0;
  int64_t tokens = 0;  ///< sum over its pieces, each tokenised by itself
};

/// Tokens of a piece of text, special ones not counted; always the same for the same text.
using TokenCounter = std::function<int64_t(std::string_view)>;

/// Cuts a text into passages: at the first of blank lines, line ends, ends of sentences (". ", "! ", "? "), "; ", ", ",
/// their fullwidth forms without a space, spaces and characters that occurs in it; pieces, each beginning with its
/// separator, that have `chunk_tokens` or more are cut again at the separators that are left, and runs of smaller ones
/// are joined from the front as long as the sum of their tokens is at most `chunk_tokens`. White space at both ends of
/// a passage is left out, and so is a passage of nothing else.
///
/// Passages follow one another, do not overlap, and hold every byte that is not white space. Any bytes are taken: one
/// outside UTF-8 is a character. Only a passage of one character may have more tokens than `chunk_tokens`.
/// REQUIRES: chunk_tokens > 0. Errors: those of `count`. Cost: every byte is counted at most once for each separator;
/// `count` sees no more than 1 MiB at a time (64 bytes per token of a chunk, at least 4 KiB), and of a longer piece
/// only as much as decides that it is to be cut.
/// Source: LangChain's RecursiveCharacterTextSplitter 0.3 as RAPID sets it (Chen et al. 2025, arXiv 2502.20330).
std::vector<TextSpan> SplitIntoChunks(std::string_view text, int64_t chunk_tokens, const TokenCounter& count);

}  // namespace longshot
