// labels: unit
#include "retrieval/chunker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/utf8.h"

namespace longshot {
namespace {

int64_t CountBytes(std::string_view text) { return static_cast<int64_t>(text.size()); }
/// Of a whole less than of its parts, as with real tokenizers.
int64_t CountFours(std::string_view text) { return static_cast<int64_t>((text.size() + 3) / 4); }

/// "[chunk:tokens]" of all.
std::string Chunks(std::string_view text, int64_t chunk_tokens, const TokenCounter& count = CountBytes) {
  std::string all;
  for (const TextSpan& span : SplitIntoChunks(text, chunk_tokens, count)) {
    all += fmt::format("[{}:{}]", text.substr(static_cast<size_t>(span.offset), static_cast<size_t>(span.length)),
                       span.tokens);
  }
  return all;
}

/// By hand, one token per byte.
TEST(Chunker, JoinsPiecesFromTheFront) {
  EXPECT_EQ(Chunks("aaa bbb ccc", 8), "[aaa bbb:7][ccc:4]");
  EXPECT_EQ(Chunks("aaa bbb ccc", 11), "[aaa bbb ccc:11]");
  EXPECT_EQ(Chunks("a b\n\nc d\n\ne f", 9), "[a b\n\nc d:8][e f:5]");
  EXPECT_EQ(Chunks("aaaaa bbb", 4, CountFours), "[aaaaa bbb:3]");
}

TEST(Chunker, CutsAPieceOfTheWholeSizeAgain) {
  EXPECT_EQ(Chunks("aaaa bbbb", 5), "[aaaa:4][bbbb:5]");
  EXPECT_EQ(Chunks("aaaa bbbb", 4), "[aaaa:4][bbb:4][b:1]");
  EXPECT_EQ(Chunks("xx\n\naaaa bbbb\n\nyy", 8), "[xx:2][aaaa:5][bbbb:5][yy:4]");
  EXPECT_EQ(Chunks("a\n\n\n\nb", 3), "[a:3][b:3]");
  EXPECT_EQ(Chunks("xxxxxxxxxx", 4), "[xxxx:4][xxxx:4][xx:2]");
}

TEST(Chunker, TriesSeparatorsInTheirOrder) {
  EXPECT_EQ(Chunks("One. Two! Three? Four; five, six", 12), "[One:3][. Two:5][! Three:7][? Four:6][; five, six:11]");
  EXPECT_EQ(Chunks("aa, bb cc", 5), "[aa:2][, bb:4][cc:3]");
  EXPECT_EQ(Chunks("\u4e00\u3002\u4e8c\uff01\u4e09", 9), "[\u4e00:3][\u3002\u4e8c:6][\uff01\u4e09:6]");
  EXPECT_EQ(Chunks("\u4e00\uff1f\u4e8c\uff1b\u4e09\uff0c\u56db", 9),
            "[\u4e00:3][\uff1f\u4e8c:6][\uff1b\u4e09:6][\uff0c\u56db:6]");
}

TEST(Chunker, TakesWindowsLineEnds) {
  EXPECT_EQ(Chunks("a\r\n\r\nb", 4), "[a:4][b:2]");
  EXPECT_EQ(Chunks("a\r\n\r\nb", 7), "[a\r\n\r\nb:6]");
}

TEST(Chunker, LeavesOutWhiteSpaceAtTheEnds) {
  EXPECT_EQ(Chunks("", 4), "");
  EXPECT_EQ(Chunks("\n\n \t\r\n\n\n   ", 4), "");
  EXPECT_EQ(Chunks("\u3000\u4e00\u00a0", 100), "[\u4e00:8]");
  const std::vector<TextSpan> spans = SplitIntoChunks("  a b  ", 100, CountBytes);
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].offset, 2);
  EXPECT_EQ(spans[0].length, 3);
}

TEST(Chunker, NeverCutsACodePointAndTakesAnyBytes) {
  EXPECT_EQ(Chunks("a\u20acb", 2), "[a:1][\u20ac:3][b:1]");
  EXPECT_EQ(Chunks("\xff\xfe\xe2\x82\u20ac", 3), "[\xff\xfe\xe2:3][\x82:1][\u20ac:3]");
}

using Strings = std::vector<std::string>;

const Strings kSeparators = {"\n\n",   "\n",     ". ",     "! ",     "? ",     "; ", ", ",
                             "\u3002", "\uff01", "\uff1f", "\uff1b", "\uff0c", " ",  ""};

/// Pieces as they are split: the separator begins the following one; characters for "".
Strings PiecesOf(const std::string& text, const std::string& separator) {
  Strings pieces;
  if (separator.empty()) {
    for (size_t at = 0; at < text.size(); at += pieces.back().size()) {
      pieces.push_back(text.substr(at, static_cast<size_t>(std::max(1, CodePointLength(text.substr(at))))));
    }
    return pieces;
  }
  size_t begin = 0;
  for (size_t at = text.find(separator); at != text.npos; at = text.find(separator, at + separator.size())) {
    if (at > begin) pieces.push_back(text.substr(begin, at - begin));
    begin = at;
  }
  if (begin < text.size()) pieces.push_back(text.substr(begin));
  return pieces;
}

std::string Stripped(const std::string& text) {
  constexpr const char* kSpaces = " \t\n\r\v\f";  // all that random texts have
  const size_t begin = text.find_first_not_of(kSpaces);
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

void Merge(Strings& buffer, int64_t chunk_tokens, const TokenCounter& count, Strings& chunks) {
  std::string chunk;
  int64_t sum = 0;
  for (const std::string& piece : buffer) {
    if (sum + count(piece) > chunk_tokens) {
      chunks.push_back(Stripped(chunk));
      chunk.clear();
      sum = 0;
    }
    chunk += piece;
    sum += count(piece);
  }
  chunks.push_back(Stripped(chunk));
  buffer.clear();
}

/// The rule as it is written down, with copies of everything.
void SplitPlainly(const std::string& text, size_t separator, int64_t chunk_tokens, const TokenCounter& count,
                  Strings& chunks) {
  while (text.find(kSeparators[separator]) == text.npos) ++separator;
  Strings buffer;
  for (const std::string& piece : PiecesOf(text, kSeparators[separator])) {
    if (count(piece) < chunk_tokens) {
      buffer.push_back(piece);
      continue;
    }
    Merge(buffer, chunk_tokens, count, chunks);
    if (kSeparators[separator].empty()) {
      chunks.push_back(Stripped(piece));
    } else {
      SplitPlainly(piece, separator + 1, chunk_tokens, count, chunks);
    }
  }
  Merge(buffer, chunk_tokens, count, chunks);
}

std::string RandomText(std::mt19937_64& random) {
  static const Strings parts = {"\n\n",       "\n",     "\r\n",   ". ",     "! ",
                                "? ",         "; ",     ", ",     "\u3002", "\uff01",
                                "\uff1f",     "\uff1b", "\uff0c", " ",      "  ",
                                "a",          "word",   ".",      "\u00e9", "\u4e00",
                                "\U0001f600", "\xff",   "\xe3",   "\x81",   "longer-than-most",
                                "\t"};
  std::string text;
  const size_t kinds = 1 + random() % parts.size();
  for (size_t n = random() % 60; n > 0; --n)
    text += parts[random() % kinds == 0 ? random() % parts.size() : random() % kinds];
  return text;
}

/// The rule agrees, spans follow one another, and between them is nothing but white space.
TEST(Chunker, FollowsTheRuleAndCoversEveryByteOnce) {
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    std::mt19937_64 random(seed);
    const std::string text = RandomText(random);
    const int64_t chunk_tokens = 1 + static_cast<int64_t>(random() % 20);
    const TokenCounter count = random() % 2 == 0 ? CountBytes : CountFours;
    Strings expected, got;
    SplitPlainly(text, 0, chunk_tokens, count, expected);
    std::erase(expected, "");
    size_t end = 0;
    for (const TextSpan& span : SplitIntoChunks(text, chunk_tokens, count)) {
      const auto begin = static_cast<size_t>(span.offset), length = static_cast<size_t>(span.length);
      ASSERT_GE(begin, end) << "seed " << seed;
      ASSERT_EQ(Stripped(text.substr(end, begin - end)), "") << "seed " << seed;
      got.push_back(text.substr(begin, length));
      end = begin + length;
      const bool is_character = CodePointLength(got.back()) == static_cast<int>(length);
      ASSERT_TRUE(span.tokens <= chunk_tokens || is_character) << "seed " << seed;
    }
    ASSERT_EQ(Stripped(text.substr(end)), "") << "seed " << seed;
    ASSERT_EQ(got, expected) << "seed " << seed;
  }
}

/// Bytes that were counted, and the longest text that was.
struct Counted {
  size_t bytes = 0, longest = 0;
  TokenCounter Counter() {
    return [this](std::string_view text) {
      bytes += text.size();
      longest = std::max(longest, text.size());
      return CountFours(text);
    };
  }
};

TEST(Chunker, CountsLittleOfHugeWordsAndPieces) {
  Counted word;
  const std::string huge(4'000'000, 'x');
  EXPECT_EQ(SplitIntoChunks(huge, 128, word.Counter()).size(), 4'000'000u / 128);
  EXPECT_EQ(word.bytes, 1u) << "characters are counted once";
  Counted spaces;
  EXPECT_EQ(SplitIntoChunks(std::string(4'000'000, ' '), 128, spaces.Counter()).size(), 0u);
  EXPECT_LE(spaces.bytes, 2u);
  Counted piece;
  EXPECT_EQ(SplitIntoChunks("a\n\n" + huge, 128, piece.Counter()).size(), 1 + 1 + 4'000'000u / 128);
  EXPECT_LE(piece.bytes, 2 * 64 * 128 + 3u) << "at two separators";
  EXPECT_LE(piece.longest, 64 * 128u);
}

/// Every separator behind the one before, and then most of the text: it is counted again for each.
TEST(Chunker, CountsEachByteOnceForASeparatorAtMost) {
  std::string text;
  for (const std::string& separator : kSeparators) text += "begin" + separator;
  text += std::string(60'000, 'x');
  Counted counted;
  EXPECT_EQ(SplitIntoChunks(text, 1000, counted.Counter()).size(), 13 + 61u);
  EXPECT_LE(counted.bytes, (kSeparators.size() - 1) * text.size());
  EXPECT_GE(counted.bytes, (kSeparators.size() - 2) * 60'000);
}

/// A long piece of few tokens keeps whole code points in the windows that it is counted in, and stays whole.
TEST(Chunker, LongPiecesOfFewTokensStayWhole) {
  std::string piece;
  for (int i = 0; i < 5000; ++i) piece += "\u20ac";
  const TokenCounter count = [](std::string_view text) -> int64_t {
    EXPECT_EQ(ValidPrefix(text), text.size());
    return 1;
  };
  const std::vector<TextSpan> spans = SplitIntoChunks("a\n\n" + piece, 10, count);
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].tokens, 1 + 4) << "15,002 bytes in windows of 4,096";
}

}  // namespace
}  // namespace longshot
