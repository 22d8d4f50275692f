// labels: unit
// Every code point against tokenizers' own normaliser and pre-tokenizer, by hashes of 4,096 each (tests/golden).
#include "retrieval/bert_characters.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "core/utf8.h"

namespace longshot {
namespace {

/// The words that "a", the character and "b" make, joined by spaces.
std::string Words(uint32_t character) {
  std::string text = "a";
  const auto end = [&] {
    if (!text.ends_with(' ')) text += ' ';
  };
  const auto alone = [&](uint32_t c) {
    end();
    AppendCodePoint(c, text);
    end();
  };
  const BertCharacter kind = ClassifyForBert(character);
  if (kind == BertCharacter::kSpace) end();
  if (kind != BertCharacter::kSpace && kind != BertCharacter::kIgnored) {
    for (const char32_t c : FoldForBert(character)) {
      if (kind == BertCharacter::kIdeograph || ClassifyForBert(c) == BertCharacter::kPunctuation) {
        alone(c);
      } else {
        AppendCodePoint(c, text);
      }
    }
  }
  return text + "b\n";
}

TEST(BertCharacters, EveryCodePointIsWhatTheOriginalMakesOfIt) {
  const auto golden =
      nlohmann::json::parse(ReadFile(LONGSHOT_SOURCE_DIR "/tests/golden/embeddings/bert_characters.json"));
  const auto block = golden["block"].get<uint32_t>();
  ASSERT_EQ(golden["hashes"].size(), 0x110000 / block);
  for (uint32_t first = 0; first < 0x110000; first += block) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (uint32_t c = first; c < first + block; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      for (const char byte : Words(c)) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001B3u;
    }
    EXPECT_EQ(fmt::format("{:016x}", hash), golden["hashes"][first / block])
        << "from U+" << fmt::format("{:04X}", first);
  }
}

}  // namespace
}  // namespace longshot
