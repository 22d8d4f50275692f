// labels: unit
// The encoder over tiny random weights: its definition in double precision, independence of batch neighbours and
// threads to the bit, windows of long texts, identity, interruption.
#include "retrieval/bert_encoder.h"

#include <gtest/gtest.h>

#include "kernels/backends.h"
#include "tests/numeric_paths.h"
#include "tests/retrieval/tiny_bert.h"

namespace longshot {
namespace {

std::vector<std::string_view> Views(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

/// Texts of 0 to 60 pieces.
std::vector<std::string> RandomTexts(int count, uint64_t seed) {
  constexpr const char* kWords[] = {"a", "ab", "abcd", "D", "bcd.", "x", ",", "da"};
  Draws draws(seed);
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    std::string text;
    for (int64_t n = draws.Below(30); n > 0; --n) text += std::string(draws.Pick(kWords)) + " ";
    texts.push_back(text);
  }
  return texts;
}

class TinyEncoder {
 public:
  explicit TinyEncoder(const TinyBertShape& shape, bool mean = true) : bert(shape), mean_(mean) {
    bert.Write(folder);
    if (!mean) {
      std::filesystem::create_directory(folder / "1_Pooling");
      folder.Write("1_Pooling/config.json", R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})");
    }
  }

  /// Every window's vector against the definition.
  void Compare(Backend& backend, double tolerance) const {
    const BertEncoder encoder(folder.path(), &backend);
    const std::vector<std::string> texts = RandomTexts(20, 3);
    const Embeddings found = encoder.Embed(Views(texts));
    int64_t window = 0;
    for (size_t t = 0; t < texts.size(); ++t) {
      const std::vector<Token> pieces = encoder.tokenizer().Encode(texts[t]);
      for (const auto part : SplitWindows(encoder.tokenizer(), pieces, encoder.config().window - 2)) {
        std::vector<Token> ids{encoder.tokenizer().cls()};
        ids.insert(ids.end(), part.begin(), part.end());
        ids.push_back(encoder.tokenizer().sep());
        ASSERT_LT(window, found.windows());
        EXPECT_EQ(found.text[window], static_cast<int32_t>(t));
        const std::vector<double> expected = bert.Embed(ids, mean_);
        for (size_t i = 0; i < expected.size(); ++i) {
          ASSERT_NEAR(found.vectors[window * found.dims + i], expected[i], tolerance) << t << " " << i;
        }
        ++window;
      }
    }
    EXPECT_EQ(window, found.windows());
    EXPECT_GT(window, static_cast<int64_t>(texts.size())) << "no text had more than one window";
  }

  TemporaryFolder folder;
  TinyBert bert;

 private:
  bool mean_;
};

TEST(BertEncoder, IsItsDefinitionOnEveryPath) {
  const TinyEncoder mean({}), first({.layers = 1, .heads = 2, .dims = 32, .ffn = 70}, false);
  ForEachNumericPath([&](CpuOptions options) {
    options.threads = 2;
    const auto backend = MakeCpuBackend(options);
    const double tolerance = *options.weights == WeightType::kF32 ? 1e-5 : 0.03;
    mean.Compare(*backend, tolerance);
    first.Compare(*backend, tolerance);
  });
  const auto reference = MakeReferenceBackend();
  mean.Compare(*reference, 1e-5);
}

TEST(BertEncoder, SameBitsWhateverTheBatchAndTheThreads) {
  const TinyEncoder tiny({});
  const std::vector<std::string> texts = RandomTexts(60, 5);
  ForEachNumericPath([&](CpuOptions options) {
    const auto backend = MakeCpuBackend(options);
    const BertEncoder encoder(tiny.folder.path(), backend.get());
    const Embeddings all = encoder.Embed(Views(texts));
    Embeddings alone{.dims = all.dims, .vectors = {}, .text = {}};
    for (size_t t = 0; t < texts.size(); ++t) {
      const std::string_view text = texts[t];
      const Embeddings one = encoder.Embed(std::span(&text, 1));
      alone.vectors.insert(alone.vectors.end(), one.vectors.begin(), one.vectors.end());
      alone.text.insert(alone.text.end(), one.text.size(), static_cast<int32_t>(t));
    }
    EXPECT_EQ(all.vectors, alone.vectors);
    EXPECT_EQ(all.text, alone.text);

    options.threads = 3;
    const auto team = MakeCpuBackend(options);
    const BertEncoder parallel(tiny.folder.path(), team.get());
    EXPECT_EQ(parallel.Embed(Views(texts)).vectors, all.vectors);
    EXPECT_EQ(parallel.identity(), encoder.identity());
  });
}

TEST(BertEncoder, VectorsHaveLengthOneAndEveryTextHasOne) {
  const TinyEncoder tiny({});
  const auto backend = MakeReferenceBackend();
  const BertEncoder encoder(tiny.folder.path(), backend.get());
  const std::vector<std::string> texts{"", " \n", "a", "\xff\xfe", std::string(5000, 'x')};
  const Embeddings found = encoder.Embed(Views(texts));
  EXPECT_EQ(found.text, (std::vector<int32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(found.dims, 24);
  for (int64_t w = 0; w < found.windows(); ++w) {
    double squares = 0;
    for (int64_t i = 0; i < found.dims; ++i) squares += std::pow(found.vectors[w * found.dims + i], 2);
    EXPECT_NEAR(squares, 1.0, 1e-6);
  }
  EXPECT_EQ(encoder.Embed({}).windows(), 0);
}

TEST(BertEncoder, LongTextsAreCutEvenlyAtWordsAndKeepEveryPiece) {
  const WordPiece tokenizer(ReadVocabTxt(kTinyVocab, true));
  Draws draws(9);
  for (int round = 0; round < 200; ++round) {
    std::vector<Token> pieces(static_cast<size_t>(draws.Below(100)));
    for (Token& piece : pieces) piece = static_cast<Token>(draws.Between(4, kTinyPieces - 1));
    const int64_t most = draws.Between(1, 20);
    std::vector<Token> joined;
    for (const auto window : SplitWindows(tokenizer, pieces, most)) {
      EXPECT_LE(static_cast<int64_t>(window.size()), most);
      EXPECT_TRUE(pieces.empty() || !window.empty());
      joined.insert(joined.end(), window.begin(), window.end());
    }
    EXPECT_EQ(joined, pieces) << "seed 9, round " << round;
  }
  const auto lengths = [&](const std::string& text, int64_t most) {
    std::vector<size_t> found;
    const std::vector<Token> pieces = tokenizer.Encode(text);
    for (const auto window : SplitWindows(tokenizer, pieces, most)) found.push_back(window.size());
    return found;
  };
  EXPECT_EQ(lengths("", 5), (std::vector<size_t>{0}));
  EXPECT_EQ(lengths("a b c d a b c d a", 4), (std::vector<size_t>{3, 3, 3}));
  EXPECT_EQ(lengths("a b dda b", 4), (std::vector<size_t>{2, 4}));
  EXPECT_EQ(lengths("dddddd", 4), (std::vector<size_t>{3, 3}));
}

TEST(BertEncoder, ProgressEndsAtAllTextsAndStops) {
  const TinyEncoder tiny({});
  const auto backend = MakeReferenceBackend();
  const BertEncoder encoder(tiny.folder.path(), backend.get());
  const std::vector<std::string> texts = RandomTexts(400, 8);
  std::vector<int64_t> done;
  encoder.Embed(Views(texts), [&](int64_t texts_done, int64_t total) {
    EXPECT_EQ(total, 400);
    done.push_back(texts_done);
    return true;
  });
  EXPECT_GT(done.size(), 1u);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), 400);
  int calls = 0;
  EXPECT_THROW(encoder.Embed(Views(texts), [&](int64_t, int64_t) { return ++calls < 2; }), EmbedStopped);
  EXPECT_EQ(calls, 2);
}

TEST(BertEncoder, IdentityIsOfAllThatVectorsDependOn) {
  const auto backend = MakeReferenceBackend();
  const auto identity = [&](const TinyEncoder& tiny) {
    return BertEncoder(tiny.folder.path(), backend.get()).identity();
  };
  const TinyEncoder tiny({});
  const std::string original = identity(tiny);
  EXPECT_EQ(original.size(), 64u);
  EXPECT_EQ(identity(TinyEncoder({})), original) << "a copy elsewhere is the same encoder";
  EXPECT_NE(identity(TinyEncoder({}, false)), original) << "pooling";
  tiny.folder.Write("sentence_bert_config.json", R"({"max_seq_length": 20})");
  EXPECT_NE(identity(tiny), original) << "window";
  std::filesystem::remove(tiny.folder / "sentence_bert_config.json");
  EXPECT_EQ(identity(tiny), original);
  std::string vocab = kTinyVocab;
  vocab.replace(vocab.find("\nd\n"), 3, "\ne\n");
  tiny.folder.Write("vocab.txt", vocab);
  EXPECT_NE(identity(tiny), original) << "vocabulary";
  tiny.folder.Write("vocab.txt", kTinyVocab);
  std::string weights = tiny.bert.Writer().Build();
  weights.back() ^= 1;
  tiny.folder.Write("model.safetensors", weights);
  EXPECT_NE(identity(tiny), original) << "weights";
}

TEST(BertEncoder, NamesMayBeginWithBertAndPoolersAreLeftOut) {
  const TinyEncoder tiny({});
  const auto backend = MakeReferenceBackend();
  const std::string_view text = "ab abcd";
  const Embeddings plain = BertEncoder(tiny.folder.path(), backend.get()).Embed(std::span(&text, 1));
  SafetensorsWriter writer = tiny.bert.Writer("bert.");
  writer.Add("bert.embeddings.position_ids", "I64", {1, 32}, 8);
  writer.Add("bert.pooler.dense.weight", "F32", {24, 24}, 4);
  writer.Add("cls.predictions.bias", "F32", {kTinyPieces}, 4);
  tiny.folder.Write("model.safetensors", writer.Build());
  EXPECT_EQ(BertEncoder(tiny.folder.path(), backend.get()).Embed(std::span(&text, 1)).vectors, plain.vectors);
}

}  // namespace
}  // namespace longshot
