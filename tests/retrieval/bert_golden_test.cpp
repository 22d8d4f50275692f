// labels: real
// all-MiniLM-L6-v2 against transformers on 200 texts (tests/golden/embeddings): ids, and vectors on every numeric path
// with f32 weights. Skips, with the command that mends it, where the encoder has not been fetched.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "retrieval/bert_encoder.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

const std::string kModel = LONGSHOT_SOURCE_DIR "/models/all-MiniLM-L6-v2";
const std::string kGolden = LONGSHOT_SOURCE_DIR "/tests/golden/embeddings/minilm";

class BertGolden : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kModel + "/model.safetensors")) GTEST_SKIP() << "no encoder: run `make embedder`";
    const auto golden = nlohmann::json::parse(ReadFile(kGolden + ".json"));
    for (const auto& entry : golden["texts"]) {
      texts_.push_back(entry["text"].get<std::string>());
      ids_.push_back(entry["ids"].get<std::vector<Token>>());
    }
    const std::string bytes = ReadFile(kGolden + ".bin");
    vectors_.resize(bytes.size() / sizeof(float));
    std::memcpy(vectors_.data(), bytes.data(), bytes.size());
  }

  void CompareIds(const WordPiece& tokenizer) const {
    for (size_t t = 0; t < texts_.size(); ++t) {
      std::vector<Token> ids = tokenizer.Encode(texts_[t]);
      ids.insert(ids.begin(), tokenizer.cls());
      ids.push_back(tokenizer.sep());
      EXPECT_EQ(ids, ids_[t]) << "text " << t << ": " << texts_[t];
    }
  }

  std::vector<std::string> texts_;
  std::vector<std::vector<Token>> ids_;
  std::vector<float> vectors_;  ///< [texts, 384]
};

TEST_F(BertGolden, IdsAreThoseOfTheOriginal) {
  ASSERT_EQ(texts_.size(), 200u);
  CompareIds(WordPiece(ReadVocabTxt(ReadFile(kModel + "/vocab.txt"), true)));
  CompareIds(WordPiece(ReadWordPieceJson(ReadFile(kModel + "/tokenizer.json"))));
}

TEST_F(BertGolden, VectorsAreThoseOfTheOriginal) {
  const std::vector<std::string_view> views(texts_.begin(), texts_.end());
  ForEachNumericPath([&](CpuOptions options) {
    if (*options.weights != WeightType::kF32) return;
    options.threads = 2;
    const auto backend = MakeCpuBackend(options);
    const BertEncoder encoder(kModel, backend.get());
    EXPECT_EQ(encoder.config().window, 256);
    const Embeddings found = encoder.Embed(views);
    ASSERT_EQ(found.dims, 384);
    ASSERT_EQ(found.windows(), 200) << "every text fits one window";
    double least = 1;
    for (size_t t = 0; t < texts_.size(); ++t) {
      double cosine = 0;
      for (size_t i = 0; i < 384; ++i) cosine += double{found.vectors[t * 384 + i]} * vectors_[t * 384 + i];
      EXPECT_GE(cosine, 0.9999) << "text " << t << ": " << texts_[t];
      least = std::min(least, cosine);
    }
    std::cout << backend->Describe().numeric_path << ": smallest cosine 1 - " << 1 - least << std::endl;
  });
}

TEST_F(BertGolden, SameBitsAlone) {
  const std::vector<std::string_view> views(texts_.begin(), texts_.end());
  RunInChildProcess("best", [&] {
    const auto backend = MakeCpuBackend({.threads = 2, .weights = WeightType::kF32});
    const BertEncoder encoder(kModel, backend.get());
    const Embeddings together = encoder.Embed(views);
    for (size_t t = 0; t < views.size(); t += 7) {
      const Embeddings alone = encoder.Embed(std::span(views).subspan(t, 1));
      EXPECT_EQ(std::memcmp(alone.vectors.data(), &together.vectors[t * 384], 384 * sizeof(float)), 0) << "text " << t;
    }
  });
}

}  // namespace
}  // namespace longshot
