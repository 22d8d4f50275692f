// labels: unit real
// llama.cpp's own ids, recorded in tests/golden, against our tokenizers over the same vocabulary files.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/mapped_file.h"
#include "core/sha256.h"
#include "runtime/model/model_file.h"
#include "runtime/text/tokenizer.h"

namespace longshot {
namespace {

using nlohmann::json;

const std::string kGolden = LONGSHOT_SOURCE_DIR "/tests/golden/";
constexpr const char* kLicence = "/usr/share/common-licenses/GPL-3";

// The vocabulary file of a family.
std::string VocabularyFile(const std::string& family) {
  if (family == "smollm") return LONGSHOT_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  return LONGSHOT_VOCABS "/ggml-vocab-" + family + ".gguf";
}

std::string LittleEndian(const std::vector<Token>& ids) {
  const auto bytes = std::as_bytes(std::span(ids));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// FNV-1a with 64 bits, as the golden files hash ids.
std::string Fnv1a64(const std::string& bytes) {
  uint64_t value = 0xCBF29CE484222325u;
  for (char byte : bytes) value = (value ^ static_cast<uint8_t>(byte)) * 0x100000001B3u;
  return fmt::format("{:016x}", value);
}

class TokenizerGolden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string file = VocabularyFile(GetParam());
    if (!std::filesystem::exists(file)) {
      GTEST_SKIP() << "no vocabulary file of " << GetParam() << ": run `make model vocabs`";
    }
    tokenizer_ = std::make_unique<Tokenizer>(ModelFile::Open(file).vocabulary());
    golden_ = json::parse(ReadFile(kGolden + "tokenizer_ids_" + GetParam() + ".json"));
    strings_ = json::parse(ReadFile(kGolden + "tokenizer_strings.json")).get<std::vector<std::string>>();
  }
  // What can come back of a text: all of it, but for bytes the vocabulary has no token for.
  std::string Spellable(const std::string& text) const {
    std::string kept;
    for (char byte : text) {
      if (tokenizer_->CanSpell(static_cast<uint8_t>(byte))) kept += byte;
    }
    return kept;
  }
  bool IsSentencePiece() const { return tokenizer_->vocabulary().kind == TokenizerKind::kSentencePiece; }

  std::unique_ptr<Tokenizer> tokenizer_;
  json golden_;
  std::vector<std::string> strings_;
};

TEST_P(TokenizerGolden, AgreesOnAThousandStrings) {
  ASSERT_EQ(strings_.size(), 1000u);
  for (size_t i = 0; i < strings_.size(); ++i) {
    const std::vector<Token> ids = tokenizer_->Encode(strings_[i]);
    EXPECT_EQ(tokenizer_->Decode(ids), Spellable(strings_[i])) << "string " << i;
    // A literal U+2581 is a space to llama.cpp's sentencepiece; ours spells it in bytes, so that it comes
    // back.
    if (IsSentencePiece() && strings_[i].find("\u2581") != std::string::npos) continue;
    if (i < golden_["ids"].size()) {
      EXPECT_EQ(ids, golden_["ids"][i].get<std::vector<Token>>()) << strings_[i];
    }
    EXPECT_EQ(ids.size(), golden_["counts"][i].get<size_t>()) << "string " << i << ": " << strings_[i];
    EXPECT_EQ(Fnv1a64(LittleEndian(ids)), golden_["hashes"][i]) << "string " << i << ": " << strings_[i];
  }
}

TEST_P(TokenizerGolden, AgreesOnAWholeDocument) {
  if (!std::filesystem::exists(kLicence)) GTEST_SKIP() << kLicence << " is absent";
  const std::string text = ReadFile(kLicence);
  if (Sha256Hex(text) != golden_["text_sha256"]) GTEST_SKIP() << kLicence << " is another edition";
  const std::vector<Token> ids = tokenizer_->Encode(text);
  EXPECT_EQ(ids.size(), golden_["text_ids"].get<size_t>());
  EXPECT_EQ(Sha256Hex(LittleEndian(ids)), golden_["text_ids_sha256_le_i32"]);
  EXPECT_EQ(tokenizer_->Decode(ids), text);
}

TEST_P(TokenizerGolden, BytesThatAreNotUtf8ComeBack) {
  const auto cases = json::parse(ReadFile(kGolden + "tokenizer_invalid.json")).get<std::vector<std::string>>();
  for (const std::string& hex : cases) {
    std::string bytes;
    for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    const std::vector<Token> ids = tokenizer_->Encode(bytes);
    if (Spellable(bytes) == bytes) {
      EXPECT_EQ(tokenizer_->Decode(ids), bytes) << hex;
    }
    for (Token id : ids) EXPECT_FALSE(tokenizer_->IsControl(id)) << hex;
  }
}

// llama.cpp's test cases: texts between lines "__ggml_vocab_test__", ids one line each.
TEST_P(TokenizerGolden, AgreesOnTheCasesThatComeWithTheVocabulary) {
  const std::string file = VocabularyFile(GetParam());
  if (!std::filesystem::exists(file + ".inp")) GTEST_SKIP() << file << ".inp is absent";
  const std::string input = ReadFile(file + ".inp"), output = ReadFile(file + ".out");
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::istringstream lines(output);
  int cases = 0;
  for (size_t at = 0; at <= input.size();) {
    const size_t end = std::min(input.find(separator, at), input.size());
    std::string line;
    if (!std::getline(lines, line)) break;
    std::istringstream numbers(line);
    const std::vector<Token> expected{std::istream_iterator<Token>(numbers), {}};
    const std::string text = input.substr(at, end - at);
    EXPECT_EQ(tokenizer_->Encode(text), expected) << text;
    at = end + separator.size();
    ++cases;
  }
  EXPECT_GE(cases, 40);
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerGolden,
                         testing::Values("smollm", "gpt-2", "starcoder", "llama-bpe", "qwen2", "llama-spm"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace longshot
