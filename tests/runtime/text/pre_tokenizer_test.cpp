#include "runtime/text/pre_tokenizer.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace longshot {
namespace {

using Words = std::vector<std::string_view>;

Words Split(const char* name, std::string_view text) { return PreTokenizer(name).Split(text); }

TEST(PreTokenizer, Gpt2) {
  EXPECT_EQ(Split("gpt-2", "I'll pay  12345!!\n\n x"), (Words{"I", "'ll", " pay", " ", " 12345", "!!", "\n\n", " x"}));
  EXPECT_EQ(Split("gpt-2", "I'LL"), (Words{"I", "'", "LL"}));
}

TEST(PreTokenizer, SmolLmCutsDigitsFirst) {
  EXPECT_EQ(Split("smollm", "\n\n  0"), (Words{"\n\n  ", "0"}));
  EXPECT_EQ(Split("smollm", "a 12 b"), (Words{"a", " ", "1", "2", " b"}));
  EXPECT_EQ(Split("starcoder", "x² 3"), (Words{"x", "²", " ", "3"}));
}

TEST(PreTokenizer, Llama3AndQwen2) {
  EXPECT_EQ(Split("llama-bpe", "I'LL pay 12345 \r\n\n  (ok)"),
            (Words{"I", "'LL", " pay", " ", "123", "45", " \r\n\n", " ", " (", "ok", ")"}));
  EXPECT_EQ(Split("qwen2", "n12.\n"), (Words{"n", "1", "2", ".\n"}));
}

TEST(PreTokenizer, SpacesAreThoseOfUnicode) {
  EXPECT_EQ(Split("gpt-2", "a\u3000\u3000b"), (Words{"a", "\u3000", "\u3000", "b"}));
  // U+180E was a space before Unicode 6.3; the tokenizers' libraries treat it as any other character.
  EXPECT_EQ(Split("gpt-2", "a\u180e\u180eb"), (Words{"a", "\u180e\u180e", "b"}));
}

TEST(PreTokenizer, BytesThatAreNotUtf8AreWordsOfTheirOwn) {
  EXPECT_EQ(Split("gpt-2", "a\xFF\xE2\x82 b"), (Words{"a", "\xFF\xE2\x82", " b"}));
}

TEST(PreTokenizer, AnUnknownNameIsAnErrorThatNamesTheKnownOnes) {
  try {
    PreTokenizer("tekken");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_STREQ(e.what(),
                 "pre-tokenizer \"tekken\" is not supported (supported: gpt-2, smollm, starcoder, llama-bpe, "
                 "qwen2); use "
                 "a model whose file names one of these");
  }
}

}  // namespace
}  // namespace longshot
