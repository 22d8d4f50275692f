#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fast_hash.h"
#include "retrieval/chunker.h"
#include "retrieval/embedder.h"
#include "retrieval/words.h"

namespace longshot {

/// Texts with words in common are alike: each word adds a vector drawn from its hash. A window has at most
/// `window_words`.
class FakeEmbedder final : public Embedder {
 public:
  static constexpr int64_t kDims = 32;

  explicit FakeEmbedder(int64_t window_words = 1'000'000, std::string identity = "fake")
      : window_words_(window_words), identity_(std::move(identity)) {}

  const std::string& identity() const override { return identity_; }
  int64_t dims() const override { return kDims; }
  Embeddings Embed(std::span<const std::string_view> texts, const EmbedProgress& progress = {}) const override {
    Embeddings embeddings{.dims = kDims, .vectors = {}, .text = {}};
    for (size_t i = 0; i < texts.size(); ++i) {
      AddText(texts[i], static_cast<int32_t>(i), embeddings);
      ++embedded_;
      if (progress) progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(texts.size()));
    }
    return embeddings;
  }
  /// Texts embedded so far, queries included.
  int64_t embedded() const { return embedded_; }

 private:
  void AddText(std::string_view text, int32_t index, Embeddings& embeddings) const {
    std::vector<double> sum(kDims, 0);
    int64_t words = 0;
    const auto end_window = [&] {
      double squared = 0;
      for (const double value : sum) squared += value * value;
      for (double& value : sum) {
        embeddings.vectors.push_back(static_cast<float>(squared > 0 ? value / std::sqrt(squared) : 0));
        value = 0;
      }
      embeddings.text.push_back(index);
      words = 0;
    };
    ForEachWord(text, [&](const std::string& word) {
      if (words == window_words_) end_window();
      ++words;
      for (int64_t i = 0; i < kDims; ++i) {
        const uint64_t hash = FastHash(std::as_bytes(std::span(word)), static_cast<uint64_t>(i) + 1);
        sum[static_cast<size_t>(i)] += static_cast<double>(hash >> 11) * 0x1p-53 - 0.5;
      }
    });
    end_window();
  }

  int64_t window_words_;
  std::string identity_;
  mutable int64_t embedded_ = 0;
};

/// A token a word.
inline int64_t CountWords(std::string_view text) {
  int64_t words = 0;
  ForEachWord(text, [&](const std::string&) { ++words; });
  return words;
}

}  // namespace longshot
