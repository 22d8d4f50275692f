// labels: unit
// WordPiece over a small vocabulary: clean-up, words, greedy pieces, and the two files it is read from.
#include "retrieval/word_piece.h"

#include <gtest/gtest.h>

#include "retrieval/bert_characters.h"
#include "tests/draws.h"
#include "tests/runtime/model/model_bytes.h"

namespace longshot {
namespace {

constexpr const char* kPieces[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "runn", "##ing",
                                   "run",   "##n",   ",",     "!",     "e",  "##e",   "ecole",  "中",   "文",
                                   "##s",   "a",     "##a",   ";",     "=",  "İx",    "[",      "]",    "sep",
                                   "ο",     "ß",     "i",     "か",    "É",  "##É",   "車"};

std::string VocabText() {
  std::string text;
  for (const char* piece : kPieces) text += std::string(piece) + "\n";
  return text;
}

/// The pieces of a text, separated by spaces.
std::string Pieces(const std::string& text, bool uncased = true) {
  static const WordPiece tokenizers[] = {WordPiece(ReadVocabTxt(VocabText(), false)),
                                         WordPiece(ReadVocabTxt(VocabText(), true))};
  std::string joined;
  for (const Token id : tokenizers[uncased].Encode(text))
    joined += (joined.empty() ? "" : " ") + std::string(kPieces[id]);
  return joined;
}

TEST(WordPiece, TakesTheLongestPieceFirst) {
  EXPECT_EQ(Pieces("unaffable running"), "un ##aff ##able runn ##ing");
  EXPECT_EQ(Pieces("runing"), "run ##ing");
  EXPECT_EQ(Pieces("runx"), "[UNK]") << "a word is spelled whole or not at all";
  EXPECT_EQ(Pieces("ing"), "[UNK]") << "a piece of the inside does not begin a word";
  EXPECT_EQ(Pieces(""), "");
  EXPECT_EQ(Pieces(" \t\r\n"), "");
}

TEST(WordPiece, SplitsAtSpacesPunctuationAndIdeographs) {
  EXPECT_EQ(Pieces("run,run!!"), "run , run ! !");
  EXPECT_EQ(Pieces("run\u3000run\u00A0run\u2028run"), "run run run run");
  EXPECT_EQ(Pieces("run中文run"), "run 中 文 run");
  EXPECT_EQ(Pieces("[SEP]"), "[ sep ]") << "plain text is never a special token";
}

TEST(WordPiece, LeavesOutWhatIsNoText) {
  EXPECT_EQ(Pieces(std::string("r\0u\x01n\x7f", 6)), "run");
  EXPECT_EQ(Pieces("ru\u200Bn\uFEFF \uFFFDrun\uE000"), "run run");
  EXPECT_EQ(Pieces("ru\xC3n \xFF run\xE4\xB8"), "run run") << "bytes outside UTF-8";
}

TEST(WordPiece, FoldsCaseAndAccents) {
  EXPECT_EQ(Pieces("École E\u0301cole RUNNING"), "ecole ecole runn ##ing");
  EXPECT_EQ(Pieces("\u0301"), "") << "an accent alone is nothing";
  EXPECT_EQ(Pieces("\u1F48 \u1E9E \u0130 が"), "ο ß i か") << "Ὀ loses its breathing";
  EXPECT_EQ(Pieces("\u037E \u2260"), "; =") << "decompositions that are punctuation";
  EXPECT_EQ(Pieces("a\uF902a"), "a 車 a") << "a compatibility ideograph";
  EXPECT_EQ(Pieces("É ÉÉ e", false), "É É ##É e");
  EXPECT_EQ(Pieces("E", false), "[UNK]");
}

TEST(WordPiece, WordsOverAHundredCharactersAreUnknown) {
  const auto spelled = [](int length) { return Pieces(std::string(length, 'a')); };
  EXPECT_EQ(spelled(100).substr(0, 8), "a ##a ##");
  EXPECT_EQ(spelled(101), "[UNK]");
  EXPECT_EQ(spelled(1'000'000), "[UNK]");
  std::string accented;
  for (int i = 0; i < 100; ++i) accented += "a\u0301\u0302";
  EXPECT_EQ(Pieces(accented), spelled(100)) << "accents do not count";
  EXPECT_EQ(Pieces(std::string(101, 'a') + "," + std::string(101, 'a')), "[UNK] , [UNK]");
}

TEST(WordPiece, AnyBytesAreATextOfKnownIds) {
  const WordPiece tokenizer(ReadVocabTxt(VocabText(), true));
  Draws draws(21);
  for (int round = 0; round < 2000; ++round) {
    std::string text(static_cast<size_t>(draws.Below(60)), '\0');
    for (char& byte : text) byte = static_cast<char>(draws.Chance(0.5) ? draws.Between('a', 'z') : draws.Below(256));
    for (const Token id : tokenizer.Encode(text)) {
      ASSERT_TRUE(id >= 0 && id < tokenizer.size()) << "seed 21, round " << round;
    }
  }
}

TEST(WordPieceFiles, VocabTxtTakesLineEndsOfBothKinds) {
  const WordPieceVocabulary vocabulary = ReadVocabTxt("[UNK]\r\n[CLS]\n\n[SEP]", true);
  EXPECT_EQ(vocabulary.pieces, (std::vector<std::string>{"[UNK]", "[CLS]", "", "[SEP]"}));
  const WordPiece tokenizer(ReadVocabTxt("[UNK]\n[CLS]\n[SEP]\na\na\n", true));
  EXPECT_EQ(tokenizer.Encode("a"), (std::vector<Token>{4})) << "the last of equal lines";
}

constexpr const char* kJson =
    R"({"truncation": {"max_length": 128}, "normalizer": {"type": "BertNormalizer", "clean_text": true,
        "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "added_tokens": [{"id": 5, "content": "[SEP]", "special": true}],
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100,
                  "vocab": {"[UNK]": 0, "[CLS]": 1, "a": 3, "##b": 2}}})";

std::string JsonError(const std::string& from, const std::string& to) {
  std::string text = kJson;
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  text.replace(at, from.size(), to);
  return ErrorText([&] { WordPiece{ReadWordPieceJson(text)}; });
}

TEST(WordPieceFiles, TokenizerJsonIsTheSameTokenizer) {
  const WordPiece from_json(ReadWordPieceJson(kJson)), from_text(ReadVocabTxt("[UNK]\n[CLS]\n##b\na\n\n[SEP]\n", true));
  EXPECT_EQ(from_json.identity(), from_text.identity());
  EXPECT_EQ(from_json.Encode("Ab ABB b"), (std::vector<Token>{3, 2, 3, 2, 2, 0}));
  EXPECT_EQ(from_json.sep(), 5);
  EXPECT_TRUE(from_json.ContinuesWord(2));
  EXPECT_FALSE(from_json.ContinuesWord(3));
  std::string long_text;
  for (int i = 0; i < 300; ++i) long_text += "a ";
  EXPECT_EQ(from_json.Encode(long_text).size(), 300u) << "truncation is not read";
}

TEST(WordPieceFiles, TokenizerJsonThatIsNoBerts) {
  EXPECT_EQ(JsonError("\"WordPiece\"", "\"BPE\""), "tokenizer.json: model: type is \"BPE\", supported: WordPiece");
  EXPECT_EQ(JsonError("\"BertNormalizer\"", "\"NFC\""),
            "tokenizer.json: normalizer: type is \"NFC\", supported: BertNormalizer");
  EXPECT_EQ(JsonError("\"clean_text\": true", "\"clean_text\": false"),
            "tokenizer.json: normalizer: clean_text is false, supported: true");
  EXPECT_EQ(JsonError("\"strip_accents\": null", "\"strip_accents\": false"),
            "tokenizer.json: normalizer: strip_accents is false, supported: true");
  EXPECT_EQ(JsonError("\"BertPreTokenizer\"", "\"Whitespace\""),
            "tokenizer.json: pre_tokenizer: type is \"Whitespace\", supported: BertPreTokenizer");
  EXPECT_EQ(JsonError("100", "99"), "tokenizer.json: model: max_input_chars_per_word is 99, supported: 100");
  EXPECT_EQ(JsonError("\"##\"", "\"@@\""), "tokenizer.json: model: continuing_subword_prefix is \"@@\", supported: ##");
  EXPECT_EQ(JsonError("\"pre_tokenizer\"", "\"other\""),
            "tokenizer.json: no pre_tokenizer, supported: BertPreTokenizer");
  EXPECT_EQ(JsonError("\"[CLS]\": 1", "\"[CLS]\": 99999999"),
            "tokenizer.json: more than 1048576 pieces: this is no vocabulary of a BERT model");
  EXPECT_EQ(JsonError("\"[CLS]\": 1", "\"[CLS]\": -1"), "tokenizer.json: the id of \"[CLS]\" is not a number");
  EXPECT_EQ(JsonError("\"[CLS]\": 1", "\"[CLS]\": 0"), "tokenizer.json: \"[CLS]\" and \"[UNK]\" have the same id 0");
  EXPECT_EQ(JsonError("\"[CLS]\": 1", "\"x\": 1"),
            "the vocabulary has no [CLS]: expected that of a BERT model, one piece a line");
  EXPECT_EQ(JsonError("{\"[UNK]\": 0, \"[CLS]\": 1, \"a\": 3, \"##b\": 2}", "[]"),
            "tokenizer.json: model.vocab is not an object of pieces and ids");
}

}  // namespace
}  // namespace longshot
