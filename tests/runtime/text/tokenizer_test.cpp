#include "runtime/text/tokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "core/error.h"
#include "runtime/text/byte_level_bpe.h"
#include "core/utf8.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace longshot {
namespace {

using testing_text::Add;
using testing_text::ByteLevel;
using testing_text::ChatMlTokens;
using testing_text::SentencePiece;
using Ids = std::vector<Token>;

std::string Message(auto&& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

std::string RandomBytes(std::mt19937& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Mostly ASCII and spaces, with code points of every length.
std::string RandomUtf8(std::mt19937& random, size_t code_points) {
  constexpr uint32_t kLimits[] = {0x80, 0x80, 0x80, 0x800, 0x3000, 0x10000, 0x110000};
  std::string text;
  for (size_t i = 0; i < code_points; ++i) {
    uint32_t code_point = random() % kLimits[random() % std::size(kLimits)];
    if (code_point >= 0xD800 && code_point < 0xE000) code_point = 0x2581;
    AppendCodePoint(random() % 4 == 0 ? ' ' : code_point, text);
  }
  return text;
}

TEST(ByteLevelTokenizer, AppliesMergesBestFirst) {
  const Tokenizer t(ByteLevel("gpt-2", {{"b", "c"}, {"a", "b"}, {"a", "bc"}}));
  EXPECT_EQ(t.Encode("abc"), (Ids{258}));        // bc before ab
  EXPECT_EQ(t.Encode("abab"), (Ids{257, 257}));  // leftmost first, then the next
  EXPECT_EQ(t.Encode("acb"), (Ids{'a', 'c', 'b'}));
  EXPECT_EQ(t.Encode(""), Ids{});
}

TEST(ByteLevelTokenizer, MoreMergesThanPiecesAreStillTold) {
  std::vector<std::pair<std::string, std::string>> merges;
  for (char a = 'a'; a <= 'z'; ++a) {
    for (char b = 'a'; b <= 'z'; ++b) merges.emplace_back(std::string(1, a), std::string(1, b));
  }
  for (size_t pair = 0; pair < 100; ++pair) {
    for (char c = 'a'; c <= 'z'; ++c) {
      merges.emplace_back(merges[pair].first + merges[pair].second, std::string(1, c));
    }
  }
  Vocabulary v = ByteLevel("gpt-2", {}, {{"abz", TokenKind::kNormal}, {"dvq", TokenKind::kNormal}});
  v.merges = merges;
  const Tokenizer t(v);
  EXPECT_EQ(t.Encode("abz"), (Ids{256}));
  EXPECT_EQ(t.Encode("dvq"), (Ids{257}));
  EXPECT_EQ(t.Encode("abc"), (Ids{'a', 'b', 'c'})) << "merged, but no piece";
}

TEST(ByteLevelTokenizer, AMergeWithoutATokenFallsBackToBytes) {
  Vocabulary v = ByteLevel("gpt-2", {{"a", "b"}});
  v.pieces[256] = "unrelated";
  EXPECT_EQ(Tokenizer(v).Encode("abc"), (Ids{'a', 'b', 'c'}));
}

TEST(ByteLevelTokenizer, MergesNeverMakeAControlToken) {
  Vocabulary v = ByteLevel("gpt-2", {{"a", "b"}});
  v.kinds[256] = TokenKind::kControl;
  const Tokenizer t(v);
  EXPECT_EQ(t.Encode("ab"), (Ids{'a', 'b'}));
  EXPECT_EQ(t.Encode("ab", {.parse_special = true}), (Ids{256}));
}

TEST(ByteLevelTokenizer, Llama3TakesAWholeWordWhateverTheMergesSay) {
  Vocabulary v = ByteLevel("llama-bpe", {{"a", "b"}}, {{"xyz", TokenKind::kNormal}});
  EXPECT_EQ(Tokenizer(v).Encode("xyz"), (Ids{257}));
  v.pre = "qwen2";
  EXPECT_EQ(Tokenizer(v).Encode("xyz"), (Ids{'x', 'y', 'z'}));
}

TEST(ByteLevelTokenizer, AddedTokensAreCutOutLongestFirst) {
  const Tokenizer t(ByteLevel(
      "gpt-2", {},
      {{"<a>", TokenKind::kUserDefined}, {"<a><b>", TokenKind::kUserDefined}, {"<|im_end|>", TokenKind::kControl}}));
  EXPECT_EQ(t.Encode("x<a><b><a>"), (Ids{'x', 257, 256}));
  EXPECT_EQ(t.Encode("<|im_end|>", {.parse_special = true}), (Ids{258}));
  EXPECT_EQ(t.Encode("<|im_end|>").size(), 10u);
  EXPECT_EQ(t.Piece(258), "");
  EXPECT_EQ(t.Piece(258, true), "<|im_end|>");
  EXPECT_TRUE(t.IsEndOfGeneration(258));
  EXPECT_FALSE(t.IsEndOfGeneration(257));
}

TEST(ByteLevelTokenizer, ATurnMarkThatAFileCallsUserDefinedIsStillAControlToken) {
  const Tokenizer t(ByteLevel("gpt-2", {}, {{"<|im_start|>", TokenKind::kUserDefined}}));
  EXPECT_TRUE(t.IsControl(256));
  EXPECT_EQ(t.Encode("<|im_start|>").size(), 12u);
}

TEST(ByteLevelTokenizer, AnyBytesComeBack) {
  for (const char* pre : {"gpt-2", "smollm", "starcoder", "llama-bpe", "qwen2"}) {
    const Tokenizer t(ByteLevel(pre, {{"a", "b"}, {"Ġ", "a"}, {"Ã", "©"}}, {{"<x>", TokenKind::kUserDefined}}));
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
      const std::string text =
          RandomUtf8(random, random() % 60) + (round % 2 ? RandomBytes(random, random() % 40) : "");
      const Ids ids = t.Encode(text);
      ASSERT_EQ(t.Decode(ids), text) << pre << ", seed 7, round " << round;
    }
  }
}

TEST(ByteLevelTokenizer, WhatCannotBeSpelledIsLeftOutOrReplaced) {
  Vocabulary v = ByteLevel("gpt-2", {});
  v.pieces[0x04] = "no byte";
  v.pieces[0xFF] = "no byte either";
  const Tokenizer t(v);
  EXPECT_FALSE(t.CanSpell(0x04));
  EXPECT_TRUE(t.CanSpell('a'));
  EXPECT_EQ(t.Decode(t.Encode("a\x04"
                              "b")),
            "ab");
  EXPECT_EQ(t.Decode(t.Encode("a\xFF\xFE")), "a\uFFFD\xFE");
}

TEST(ByteLevelTokenizer, LongRunsAreNotQuadratic) {
  const ByteLevelBpe bpe(ByteLevel("gpt-2", {{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}}));
  for (const size_t size : {1000, 100000}) {
    Ids ids;
    EXPECT_LE(bpe.Encode(std::string(size, 'a'), ids), static_cast<int64_t>(3 * size));
    EXPECT_EQ(ids.size(), size / 8);
  }
}

TEST(SentencePieceTokenizer, MergesByScoreAfterADummySpace) {
  const Tokenizer t(SentencePiece());
  const Token a = t.TokenOf("\u2581a"), b = t.TokenOf("b"), ab = t.TokenOf("ab");
  EXPECT_EQ(t.Encode("ab"), (Ids{t.TokenOf("\u2581ab")}));
  EXPECT_EQ(t.Encode("ab", {.starts_text = false}), (Ids{ab}));
  EXPECT_EQ(t.Encode("a b"), (Ids{a, t.TokenOf("\u2581"), b}));
  EXPECT_EQ(t.Encode("a", {.add_bos = true}), (Ids{t.bos(), a}));
  EXPECT_EQ(t.Encode(""), Ids{});
}

TEST(SentencePieceTokenizer, WhatHasNoPieceIsSpelledInBytes) {
  const Tokenizer t(SentencePiece());
  const auto byte = [&](int value) { return static_cast<Token>(3 + value); };
  EXPECT_EQ(t.Encode("c\n", {.starts_text = false}), (Ids{t.TokenOf("c"), byte('\n')}));
  EXPECT_EQ(t.Encode("\xFF", {.starts_text = false}), (Ids{byte(0xFF)}));
  // A literal U+2581 would come back as a space.
  EXPECT_EQ(t.Encode("\u2581", {.starts_text = false}), (Ids{byte(0xE2), byte(0x96), byte(0x81)}));
}

TEST(SentencePieceTokenizer, AnyBytesComeBack) {
  for (const bool unigram : {false, true}) {
    Vocabulary v = SentencePiece(unigram);
    Add(v, "<x>", TokenKind::kUserDefined);
    const Tokenizer t(v);
    std::mt19937 random(11);
    for (int round = 0; round < 300; ++round) {
      std::string text = RandomUtf8(random, random() % 40) + (round % 2 ? RandomBytes(random, random() % 30) : "");
      if (round % 3 == 0) text.insert(ValidPrefix(text), "<x>  ab a");
      ASSERT_EQ(t.Decode(t.Encode(text)), text) << "unigram " << unigram << ", seed 11, round " << round;
    }
  }
}

TEST(SentencePieceTokenizer, UnknownRunsAreNotQuadratic) {
  const Tokenizer t(SentencePiece());
  EXPECT_EQ(t.Encode(std::string(1 << 20, '\n'), {.starts_text = false}).size(), size_t{1} << 20);
}

TEST(SentencePieceTokenizer, WithoutByteTokensThereIsTheUnknownToken) {
  Vocabulary v = SentencePiece();
  for (TokenKind& kind : v.kinds) {
    if (kind == TokenKind::kByte) kind = TokenKind::kUnused;
  }
  EXPECT_EQ(Tokenizer(v).Encode("z", {.starts_text = false}), (Ids{v.unknown}));
  v.unknown = kNoToken;
  const Tokenizer t(v);
  EXPECT_EQ(Message([&] { t.Encode("z"); }),
            "tokenizer: the text has the byte 0x7a, for which the vocabulary has no token");
}

TEST(Tokenizer, AnInconsistentVocabularyIsRefused) {
  const auto message = [](auto change, Vocabulary v = SentencePiece()) {
    change(v);
    return Message([&] { Tokenizer t(std::move(v)); });
  };
  EXPECT_EQ(message([](Vocabulary& v) { v = {}; }), "tokenizer: the vocabulary has no pieces");
  EXPECT_EQ(message([](Vocabulary& v) { v.kinds.pop_back(); }), "tokenizer: 268 pieces but 267 token types");
  EXPECT_EQ(message([](Vocabulary& v) { v.scores.clear(); }), "tokenizer: 268 pieces but 0 scores");
  EXPECT_EQ(message([](Vocabulary& v) { v.eos = 268; }), "tokenizer: the EOS token 268 is outside the 268 pieces");
  EXPECT_EQ(message([](Vocabulary& v) { v.bos = -2; }), "tokenizer: the BOS token -2 is outside the 268 pieces");
  EXPECT_EQ(message([](Vocabulary& v) { v.scores[265] = NAN; }),
            "tokenizer: the score of piece 265 (\"b\") is not a finite number");
  EXPECT_EQ(message([](Vocabulary& v) { v.pieces[265] = ""; }),
            "tokenizer: piece 265 (\"\") is empty or has a zero byte");
  EXPECT_EQ(
      message([](Vocabulary& v) { v.pieces[265] = "a"; }).rfind("tokenizer: sentencepiece refuses the vocabulary", 0),
      0u);
  EXPECT_EQ(message(
                [](Vocabulary& v) {
                  v.merges.push_back({"a", ""});
                },
                ByteLevel("gpt-2", {})),
            "tokenizer: merge 0 has an empty side");
}

TEST(Tokenizer, BosThatDoesNotExistIsRefused) {
  const Tokenizer t(ByteLevel("gpt-2", {}));
  EXPECT_EQ(Message([&] { t.Encode("a", {.add_bos = true}); }), "the vocabulary has no BOS token; leave BOS out");
}

TEST(Tokenizer, IdsPastTheVocabularyAreEmpty) {
  const Tokenizer t(ByteLevel("gpt-2", {}));
  EXPECT_EQ(t.Piece(256), "");
  EXPECT_EQ(t.Piece(kNoToken), "");
  EXPECT_FALSE(t.IsEndOfGeneration(1 << 30));
  EXPECT_FALSE(t.IsControl(kNoToken));
  EXPECT_EQ(t.TokenOf("nothing"), kNoToken);
}

TEST(StreamDecoder, NeverSplitsACodePoint) {
  const Tokenizer t(ByteLevel("gpt-2", {}));
  StreamDecoder stream(t);
  std::vector<std::string> parts;
  for (Token id : t.Encode("a\u20ac\U0001F600")) parts.push_back(stream.Push(id));
  EXPECT_EQ(parts, (std::vector<std::string>{"a", "", "", "\u20ac", "", "", "", "\U0001F600"}));
  EXPECT_EQ(stream.Finish(), "");
}

TEST(StreamDecoder, PassesOnWhatCannotBeCompleted) {
  const Tokenizer t(ByteLevel("gpt-2", {}));
  StreamDecoder stream(t);
  EXPECT_EQ(stream.Push(0xE2), "");
  EXPECT_EQ(stream.Push('a'),
            "\xE2"
            "a");
  EXPECT_EQ(stream.Push(0xFF), "\xFF");
  EXPECT_EQ(stream.Push(0xF0), "");
  EXPECT_EQ(stream.Finish(), "\xF0");
  EXPECT_EQ(stream.Finish(), "");
}

TEST(StreamDecoder, TogetherItsPartsAreTheText) {
  const Tokenizer t(ByteLevel("gpt-2", {{"Ã", "©"}, {"a", "b"}}));
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    const std::string valid = RandomUtf8(random, 50), text = valid + RandomBytes(random, 20);
    StreamDecoder stream(t);
    std::string all;
    for (Token id : t.Encode(text)) {
      const std::string part = stream.Push(id);
      all += part;
      if (all.size() > valid.size()) continue;
      ASSERT_EQ(ValidPrefix(part), part.size()) << "seed 3, round " << round;
    }
    ASSERT_EQ(all + stream.Finish(), text) << "seed 3, round " << round;
  }
}

}  // namespace
}  // namespace longshot
