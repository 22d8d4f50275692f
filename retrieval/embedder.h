#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace longshot {

/// Unit vectors of texts: a text longer than the encoder's input has one for each window of it, never cut.
struct Embeddings {
  int64_t dims = 0;
  std::vector<float> vectors;  ///< [windows, dims], each of length 1
  std::vector<int32_t> text;   ///< [windows], the text that a window belongs to, ascending

  int64_t windows() const { return static_cast<int64_t>(text.size()); }
};

/// Called with (done, total) texts; returning false stops, and `Embed` throws `EmbedStopped`.
using EmbedProgress = std::function<bool(int64_t, int64_t)>;

/// What `Embed` throws because its progress function said so: no `Error`, nothing is wrong.
class EmbedStopped : public std::exception {
 public:
  const char* what() const noexcept override { return "embedding was stopped"; }
};

/// Texts to vectors whose inner product tells how alike they are. Seam: a BERT encoder today.
class Embedder {
 public:
  virtual ~Embedder() = default;
  /// Hash of all that vectors depend on: weights, vocabulary, pooling, windows, numeric path.
  virtual const std::string& identity() const = 0;
  virtual int64_t dims() const = 0;
  virtual Embeddings Embed(std::span<const std::string_view> texts, const EmbedProgress& progress = {}) const = 0;
};

}  // namespace longshot
