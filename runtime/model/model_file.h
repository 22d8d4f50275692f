#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "core/mapped_file.h"
#include "runtime/model/model_config.h"
#include "runtime/text/vocabulary.h"

namespace longshot {

/// One stored tensor: bytes inside the mapped file, checked against it. Shape is outermost first:
/// a matrix that maps `cols` inputs to `rows` outputs has shape {rows, cols}.
struct TensorInfo {
  std::string name;  ///< canonical, GGUF spelling: "blk.3.attn_q.weight"
  DType type = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  /// Llama checkpoints in GGUF hold q and k with rotary pairs interleaved (2i, 2i+1); Hugging Face holds
  /// halves (i, i + D/2). The forward pass uses halves for both: rows of these tensors are permuted when
  /// read.
  bool interleaved_rope_rows = false;

  int64_t elements() const;
};

/// A tensor that is listed but cannot be used, because this build does not read its type.
struct UnreadableTensor {
  std::string name;
  std::string type;  ///< "ggml type 16", "I64"
  std::vector<int64_t> shape;
};

/// A parsed model on disk (GGUF file or Hugging Face folder). Immutable; maps its files, allocates only what
/// their headers justify. Every size is checked against the file before use.
class ModelFile {
 public:
  /// Opens a .gguf file or a folder with config.json and safetensors.
  /// Errors: kIo, kFormat (malformed, with what was found), kUnsupported (architecture, type, split GGUF).
  static ModelFile Open(const std::string& path);

  ModelFile(ModelFile&&) noexcept;
  ModelFile& operator=(ModelFile&&) noexcept;
  ~ModelFile();

  const std::string& path() const;
  /// "GGUF v3" or "safetensors".
  std::string_view format() const;
  /// The decoder's shape. Errors: kUnsupported naming the architecture found and those supported.
  const ModelConfig& config() const;
  std::span<const TensorInfo> tensors() const;
  std::span<const UnreadableTensor> unreadable_tensors() const;
  /// nullptr when absent. Errors: kUnsupported when the tensor is there but of a type this build does not
  /// read.
  const TensorInfo* Find(std::string_view name) const;
  /// Errors: those of config(); kFormat naming a tensor that is missing or of another shape than config()
  /// asks for; kUnsupported naming one that the decoder would not use (a bias, experts) or cannot read.
  void RequireDecoder() const;
  /// The tokenizer's tables, read on first use; present in vocabulary-only files of any architecture.
  /// Errors: kUnsupported naming the tokenizer family found and those supported, kFormat.
  const Vocabulary& vocabulary() const;
  /// Keys and values for people: printable, arrays and long texts shortened.
  std::span<const std::pair<std::string, std::string>> metadata() const;
  /// SHA-256 of the whole content (all weight files in order), computed on first use.
  std::string Sha256() const;
  /// `FastHash` of the whole content and its size as text: tells models apart at every start (SHA-256 of 100 MB takes
  /// a third of a second), but not from one that was forged. Computed at each call, unless it was begun before.
  std::string Checksum() const;
  /// Computes `Checksum`, once, while the caller does something else. The destructor stops it.
  void BeginChecksum() const;
  /// Lets the kernel drop pages that packing has read.
  void ReleasePages() const;

 private:
  struct Content;
  explicit ModelFile(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

/// Row `row` of a tensor seen as [rows, cols] (all but the last dimension folded), as f32. out: [cols].
/// Applies `interleaved_rope_rows` given the head dimension (pass 0 when not set).
/// Errors: kFormat naming the tensor when a value is infinite or NaN.
void DequantizeRow(const TensorInfo& tensor, int64_t row, int head_dim, std::span<float> out);

/// The same row's blocks as they are stored. REQUIRES: a block type.
/// Errors: kFormat naming the tensor when a scale or minimum is infinite or NaN.
const std::byte* StoredRow(const TensorInfo& tensor, int64_t row, int head_dim);

/// `count` elements of `type` at `src` to f32. REQUIRES: count is a multiple of the block size.
void Dequantize(DType type, const std::byte* src, int64_t count, float* out);

}  // namespace longshot
