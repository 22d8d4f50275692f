// labels: unit parity
// Prompt-cache files: rows come back bit for bit, and nothing else than a whole and fitting file is taken.
#include "runtime/cache/prompt_cache.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/mapped_file.h"
#include "kernels/backends.h"
#include "tests/numeric_paths.h"
#include "tests/runtime/cache/cache_case.h"

namespace longshot {
namespace {

constexpr int64_t kRows = 70;  // a whole block of the CPU's layout and some

/// A model with a sequence whose rows are written by passes, as prefill writes them.
class Rows {
 public:
  Rows(Backend& backend, const std::string& model, int64_t capacity, DType type = DType::kBF16)
      : backend_(backend),
        file_(TinyModel(model)),
        model_(&backend, file_, file_->config()),
        scratch_(backend, file_->config(), kRows, 1),
        store_(&backend),
        sequence_(store_.Open(model_.Geometry(capacity, type, type))) {}

  void Feed(std::span<const Token> tokens) {
    std::vector<int32_t> parent, depth;
    for (int32_t i = 0; i < std::ssize(tokens); ++i) parent.push_back(i - 1), depth.push_back(i);
    model_.Forward({.tokens = tokens,
                    .topology = {store_.committed(sequence_), parent, depth, true},
                    .kv = &store_.buffer(sequence_),
                    .logits = false},
                   scratch_);
    store_.CommitPrefill(sequence_, std::ssize(tokens));
  }
  void Save(const std::string& path, std::span<const Token> tokens) {
    AtomicFile file(path);
    WritePromptCache(file, DescribeRows(store_, sequence_, tokens, Identity()), store_, sequence_);
  }
  int64_t Restore(const std::string& path, std::span<const Token> tokens, int threads = 1) {
    const PromptCache cache(path);
    cache.RequireIdentity(Identity());
    const int64_t rows = cache.CommonRows(tokens);
    cache.Restore(store_, sequence_, rows, threads);
    return rows;
  }
  CacheIdentity Identity() const {
    const KvGeometry& g = store_.geometry(sequence_);
    return IdentityOfRows(model_, g.k_type, g.v_type, "a build");
  }
  /// Every committed row of every layer, decoded.
  std::vector<float> Values() {
    const KvGeometry& g = store_.geometry(sequence_);
    const int64_t width = int64_t{g.kv_heads} * g.head_dim, rows = store_.committed(sequence_);
    std::vector<float> values(2 * g.layers * rows * width);
    const auto buffer = backend_.Allocate(2 * rows * width);
    for (int layer = 0; layer < g.layers; ++layer) {
      float* k = buffer->data();
      float* v = k + rows * width;
      backend_.ExportKv(store_.buffer(sequence_), layer, 0, {k, rows, width, width}, {v, rows, width, width});
      backend_.Synchronize();
      backend_.Download(k, std::span(values).subspan(2 * layer * rows * width, 2 * rows * width));
    }
    return values;
  }
  int64_t committed() const { return store_.committed(sequence_); }
  int64_t vocab() const { return file_->config().vocab_size; }

 private:
  Backend& backend_;
  std::shared_ptr<const ModelFile> file_;
  Model model_;
  Scratch scratch_;
  KvStore store_;
  SequenceId sequence_;
};

TEST(PromptCache, RestoredRowsHaveTheBitsOfAColdRunOnEveryNumericPath) {
  const TemporaryFolder folder;
  ForEachNumericPath([&](const CpuOptions& options) {
    CpuOptions team = options;
    team.threads = 2;
    const auto backend = MakeCpuBackend(team);
    for (const auto& [name, type] : {std::pair("llama", DType::kBF16), std::pair("qwen3", DType::kQ8_0)}) {
      Rows first(*backend, name, kRows, type);
      const std::vector<Token> tokens = SomeTokens(kRows, first.vocab(), 1);
      first.Feed(tokens);
      first.Save(folder / "cache", tokens);
      // The same text, and one that goes on otherwise after 40 tokens, in a longer context and in two passes.
      for (const int64_t common : {kRows, int64_t{40}}) {
        std::vector<Token> other = SomeTokens(90, first.vocab(), 2);
        std::copy_n(tokens.begin(), common, other.begin());
        if (common < kRows) other[common] = tokens[common] == 0 ? 1 : 0;
        Rows cold(*backend, name, 200, type), warm(*backend, name, 120, type);
        EXPECT_EQ(warm.Restore(folder / "cache", other), common);
        EXPECT_EQ(warm.committed(), common);
        warm.Feed(std::span(other).subspan(common));
        cold.Feed(std::span(other).first(33));
        cold.Feed(std::span(other).subspan(33));
        EXPECT_EQ(warm.Values(), cold.Values()) << name << " with " << common << " rows from the file";
      }
    }
  });
}

/// One small cache, and what becomes of damaged copies of it.
class DamagedCache : public testing::Test {
 protected:
  void SetUp() override {
    Rows rows(*backend_, "llama", kRows, DType::kF32);
    tokens_ = SomeTokens(kRows, rows.vocab(), 1);
    rows.Feed(tokens_);
    rows.Save(path_, tokens_);
    content_ = ReadFile(path_);
  }
  /// Why `content` is refused; nothing may be committed then.
  std::string Reason(const std::string& content, int threads = 1) {
    WriteFileAtomically(path_, content);
    Rows rows(*backend_, "llama", kRows, DType::kF32);
    const std::string reason = ReasonOf([&] { rows.Restore(path_, tokens_, threads); });
    EXPECT_EQ(rows.committed(), reason == "taken" ? kRows : 0);
    return reason;
  }

  const std::unique_ptr<Backend> backend_ = MakeReferenceBackend();
  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "cache";
  std::vector<Token> tokens_;
  std::string content_;
};

TEST_F(DamagedCache, TheUndamagedFileIsTaken) { EXPECT_EQ(Reason(content_), "taken"); }

TEST_F(DamagedCache, EveryTruncationIsRefused) {
  for (const size_t page : {0, 1, 2, 5, 9}) {
    for (const size_t size : {page * 4096, page * 4096 + 1, content_.size() - page * 4096 - 1}) {
      if (size >= content_.size()) continue;
      EXPECT_NE(Reason(content_.substr(0, size)), "taken") << size << " bytes";
    }
  }
  EXPECT_NE(Reason(content_ + std::string(4096, '\0')).find("truncated or damaged"), std::string::npos);
}

TEST_F(DamagedCache, AFlippedBitOfARowIsRefused) {
  const PromptCache cache(path_);
  const CacheHeader& header = cache.header();
  for (uint64_t layer = 0; layer < header.layers; ++layer) {
    for (const uint64_t at : {uint64_t{0}, header.image_bytes - 1, header.image_bytes, header.section_bytes() - 1}) {
      std::string damaged = content_;
      char& byte = damaged[header.SectionOffset(layer) + at];
      byte = static_cast<char>(byte ^ 16);
      for (const int threads : {1, 2, 5}) {
        EXPECT_EQ(Reason(damaged, threads), fmt::format("the checksum of layer {} does not match: damaged", layer));
      }
    }
  }
}

TEST_F(DamagedCache, LayersThatChangePlacesAreRefused) {
  const PromptCache cache(path_);
  ASSERT_GE(cache.header().layers, 2u);
  std::string swapped = content_;
  std::swap_ranges(swapped.begin() + static_cast<int64_t>(cache.header().SectionOffset(0)),
                   swapped.begin() + static_cast<int64_t>(cache.header().SectionOffset(1)),
                   swapped.begin() + static_cast<int64_t>(cache.header().SectionOffset(1)));
  EXPECT_EQ(Reason(swapped), "the checksum of layer 0 does not match: damaged");
}

TEST_F(DamagedCache, AFileThatShrinksWhileItIsReadIsAnErrorAndNoSignal) {
  Rows rows(*backend_, "llama", kRows, DType::kF32);
  KvStore store(backend_.get());
  const PromptCache cache(path_);
  const auto file = TinyModel("llama");
  const Model model(backend_.get(), file, file->config());
  const SequenceId sequence = store.Open(model.Geometry(kRows, DType::kF32, DType::kF32));
  std::filesystem::resize_file(path_, 5000);
  for (const int threads : {1, 3}) {
    const std::string reason = ReasonOf([&] { cache.Restore(store, sequence, kRows, threads); });
    EXPECT_NE(reason.find("truncated"), std::string::npos) << reason;
    EXPECT_EQ(store.committed(sequence), 0);
  }
}

TEST_F(DamagedCache, WhatIsNoFileIsRefused) {
  EXPECT_EQ(ReasonOf([&] { PromptCache cache(folder_.path()); }), "it is not a regular file");
  EXPECT_EQ(ReasonOf([&] { PromptCache cache(folder_ / "none"); }), "cannot open it: No such file or directory");
  EXPECT_EQ(ReasonOf([&] { PromptCache cache("/dev/zero"); }), "it is not a regular file");
}

TEST_F(DamagedCache, AFileOfAnotherShapeIsRefusedThoughItsIdentityIsForged) {
  CacheHeader header = PromptCache(path_).header();
  header.tokens.pop_back();
  std::string forged = EncodeCacheHeader(header);
  forged += content_.substr(forged.size());
  const std::string reason = Reason(forged);
  EXPECT_NE(reason.find("this model's rows are"), std::string::npos) << reason;
}

TEST_F(DamagedCache, OtherModelsTypesAndScalingsAreNamed) {
  const auto refusal = [&](const std::string& model, DType type) {
    Rows rows(*backend_, model, kRows, type);
    return ReasonOf([&] { rows.Restore(path_, tokens_); });
  };
  EXPECT_EQ(refusal("llama", DType::kF32), "taken");
  EXPECT_EQ(refusal("llama", DType::kF16), "its cache type is k f32, v f32, this run's is k f16, v f16");
  EXPECT_EQ(refusal("qwen2", DType::kF32).find("its model is "), 0u);
}

TEST(CacheIdentity, EveryThingThatRowsDependOnChangesIt) {
  const auto backend = MakeReferenceBackend();
  const auto file = TinyModel("llama");
  const auto identity = [&](const ModelConfig& config, std::string_view build = "a") {
    return IdentityOfRows(Model(backend.get(), file, config), DType::kBF16, DType::kF16, build);
  };
  const CacheIdentity plain = identity(file->config());
  EXPECT_EQ(plain, identity(file->config()));
  ModelConfig yarn = file->config();
  yarn.rope.scaling = RopeScaling::kYarn;
  yarn.rope.factor = 4;
  yarn.rope.original_context = 2048;
  EXPECT_EQ(IdentityDifference(plain, identity(yarn)),
            "its rope scaling is none, this run's is yarn, factor 4 of 2048 tokens");
  ModelConfig theta = file->config();
  theta.rope.theta *= 2;
  EXPECT_EQ(IdentityDifference(plain, identity(theta)).find("its configuration is "), 0u);
  EXPECT_EQ(IdentityDifference(plain, identity(file->config(), "b")), "its build is a, this run's is b");
}

TEST(CacheIdentity, NumericPathsDiffer) {
  const TemporaryFolder folder;
  const auto file = TinyModel("llama");
  ForEachNumericPath([&](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    const CacheIdentity identity =
        IdentityOfRows(Model(backend.get(), file, file->config()), DType::kBF16, DType::kBF16, "");
    std::ofstream(folder / "seen", std::ios::app) << identity[4].second << "\n";
    EXPECT_EQ(identity[4].first, "numeric path");
  });
  std::vector<std::string> seen;
  std::ifstream in(folder / "seen");
  for (std::string line; std::getline(in, line);) seen.push_back(line);
  EXPECT_EQ(seen.size(), NumericPaths().size());
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << "two paths share a name";
}

}  // namespace
}  // namespace longshot
