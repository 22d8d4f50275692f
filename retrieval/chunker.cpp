#include "retrieval/chunker.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <unordered_map>

#include "core/error.h"
#include "core/utf8.h"

namespace longshot {
namespace {

/// In order of priority; single characters come after the last.
constexpr std::string_view kSeparators[] = {"\n\n",   "\n",     ". ",     "! ",     "? ",     "; ", ", ",
                                            "\u3002", "\uff01", "\uff1f", "\uff1b", "\uff0c", " "};

/// What is left out at the ends of a chunk: the white space of Unicode, beside that of ASCII (as in Python's `strip`).
constexpr std::string_view kAsciiSpaces = " \t\n\v\f\r\x1c\x1d\x1e\x1f";
constexpr std::string_view kWideSpaces[] = {"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
                                            "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
                                            "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

/// Bytes of the white space at the front of `text`, or 0.
size_t LeadingSpace(std::string_view text) {
  if (text.empty()) return 0;
  if (kAsciiSpaces.find(text.front()) != std::string_view::npos) return 1;
  for (const std::string_view space : kWideSpaces) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

size_t TrailingSpace(std::string_view text) {
  if (text.empty()) return 0;
  if (kAsciiSpaces.find(text.back()) != std::string_view::npos) return 1;
  for (const std::string_view space : kWideSpaces) {
    if (text.ends_with(space)) return space.size();
  }
  return 0;
}

/// Tokens of pieces. Short ones are remembered: a text of single characters or spaces costs a look-up for each. Long
/// ones are counted in windows, as far as it takes to know that they have `enough`: a tokenizer's memory is many times
/// its text's, and no vocabulary spends less than a token on 64 bytes of ordinary text.
class PieceCounter {
 public:
  PieceCounter(int64_t enough, const TokenCounter& count)
      : enough_(enough),
        window_bytes_(std::clamp<size_t>(kBytesPerToken * static_cast<size_t>(std::min<int64_t>(enough, 1 << 20)),
                                         4 << 10, 1 << 20)),
        count_(count) {}

  int64_t Count(std::string_view piece) {
    if (piece.size() > window_bytes_) return CountLong(piece);
    if (piece.size() > kRememberedBytes) return count_(piece);
    if (remembered_.size() >= kMostRemembered) remembered_.clear();
    const auto [it, is_new] = remembered_.try_emplace(std::string(piece), 0);
    if (is_new) it->second = count_(piece);
    return it->second;
  }

 private:
  static constexpr size_t kBytesPerToken = 64;
  static constexpr size_t kRememberedBytes = 15;  // a string of these needs no memory of its own
  static constexpr size_t kMostRemembered = 1 << 16;

  /// Window by window, each of whole code points, until there are enough.
  int64_t CountLong(std::string_view piece) {
    int64_t tokens = 0;
    while (!piece.empty() && tokens < enough_) {
      size_t size = std::min(piece.size(), window_bytes_);
      for (int back = 0; back < 3 && size < piece.size() && IsContinuation(piece[size]); ++back) --size;
      tokens += count_(piece.substr(0, size));
      piece.remove_prefix(size);
    }
    return tokens;
  }

  static bool IsContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

  int64_t enough_;
  size_t window_bytes_;
  const TokenCounter& count_;
  std::unordered_map<std::string, int64_t> remembered_;
};

/// One call's splitting. Pieces are taken in the order of the text, so the open chunk is a range and two sums.
class Splitter {
 public:
  Splitter(std::string_view text, int64_t chunk_tokens, const TokenCounter& count)
      : text_(text), chunk_tokens_(chunk_tokens), counter_(chunk_tokens, count) {}

  std::vector<TextSpan> Split() {
    SplitPart({0, text_.size()}, kSeparators);
    return std::move(chunks_);
  }

 private:
  struct Range {
    size_t begin, end;
  };

  /// Recursion ends with the separators.
  void SplitPart(Range part, std::span<const std::string_view> separators) {
    const std::string_view text = text_.substr(0, part.end);
    while (!separators.empty() && text.find(separators.front(), part.begin) == std::string_view::npos) {
      separators = separators.subspan(1);
    }
    if (separators.empty()) return SplitCharacters(part);
    const std::string_view separator = separators.front();
    for (size_t begin = part.begin; begin < part.end;) {
      const bool separated = text.substr(begin).starts_with(separator);
      const size_t end = std::min(text.find(separator, begin + (separated ? separator.size() : 0)), part.end);
      TakePiece({begin, end}, separators.subspan(1));
      begin = end;
    }
    CloseChunk();
  }

  void TakePiece(Range piece, std::span<const std::string_view> separators) {
    const int64_t tokens = counter_.Count(text_.substr(piece.begin, piece.end - piece.begin));
    if (tokens < chunk_tokens_) return Append(piece, tokens);
    CloseChunk();
    SplitPart(piece, separators);
  }

  void SplitCharacters(Range part) {
    for (size_t begin = part.begin; begin < part.end;) {
      const auto length = static_cast<size_t>(std::max(1, CodePointLength(text_.substr(begin, part.end - begin))));
      const int64_t tokens = counter_.Count(text_.substr(begin, length));
      const bool stands_alone = tokens >= chunk_tokens_;
      if (stands_alone) CloseChunk();
      Append({begin, begin + length}, tokens);
      if (stands_alone) CloseChunk();
      begin += length;
    }
    CloseChunk();
  }

  void Append(Range piece, int64_t tokens) {
    if (open_tokens_ + tokens > chunk_tokens_) CloseChunk();
    if (open_.begin == open_.end) open_.begin = piece.begin;
    open_.end = piece.end;
    open_tokens_ += tokens;
  }

  void CloseChunk() {
    std::string_view chunk = text_.substr(open_.begin, open_.end - open_.begin);
    size_t begin = open_.begin;
    for (size_t space; (space = LeadingSpace(chunk)) > 0; begin += space) chunk.remove_prefix(space);
    for (size_t space; (space = TrailingSpace(chunk)) > 0;) chunk.remove_suffix(space);
    if (!chunk.empty()) {
      chunks_.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(chunk.size()), open_tokens_});
    }
    open_ = {};
    open_tokens_ = 0;
  }

  std::string_view text_;
  int64_t chunk_tokens_;
  PieceCounter counter_;
  Range open_ = {0, 0};  ///< of the chunk in the making; empty: none
  int64_t open_tokens_ = 0;
  std::vector<TextSpan> chunks_;
};

}  // namespace

std::vector<TextSpan> SplitIntoChunks(std::string_view text, int64_t chunk_tokens, const TokenCounter& count) {
  CHECK(chunk_tokens > 0, "chunks of {} tokens", chunk_tokens);
  return Splitter(text, chunk_tokens, count).Split();
}

}  // namespace longshot
