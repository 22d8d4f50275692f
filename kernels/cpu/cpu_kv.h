#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/kernel_set.h"
#include "kernels/kernels.h"

namespace longshot {

/// KV rows of one sequence in blocks of 64 slots, head-major, virtually contiguous per (layer, KV head). A block of
/// keys is the matrix [dim, 64], a block of values [64, dim], dim padded to 32; f32 and f16 as plain rows, bf16 by
/// pairs of rows [rows / 2, cols, 2], which is what pair dot products and tiles read. q8_0 goes by quads and has a
/// scale for each row of a head (`Q8BlockBytes`); where keys or values have it, dim is padded to 64, the depth of a
/// tile of bytes. Pages are touched when first written.
class CpuKv final : public KvBuffer {
 public:
  /// Names the layout above: to be changed with it.
  static constexpr const char* kLayout = "cpu blocks of 64, version 2";

  /// Errors: kCapacity when the address space is refused.
  explicit CpuKv(const KvGeometry& geometry);
  ~CpuKv() override;
  CpuKv(const CpuKv&) = delete;
  CpuKv& operator=(const CpuKv&) = delete;

  const KvGeometry& geometry() const override { return geometry_; }
  int64_t bytes() const override { return bytes_; }
  static int64_t Bytes(const KvGeometry& geometry);

  int dim() const { return dim_; }  ///< padded head dim
  std::byte* KeyBlock(int layer, int head, int64_t block) const;
  std::byte* ValueBlock(int layer, int head, int64_t block) const;
  int64_t key_block_bytes() const { return key_block_bytes_; }
  int64_t value_block_bytes() const { return value_block_bytes_; }

  /// One row of one head: `row` [D] f32 to and from slot `slot`.
  void WriteKey(int layer, int head, int64_t slot, const float* row);
  void WriteValue(int layer, int head, int64_t slot, const float* row);
  void ReadKey(int layer, int head, int64_t slot, float* row) const;
  void ReadValue(int layer, int head, int64_t slot, float* row) const;
  /// Scale of a row of values. REQUIRES: values in q8_0.
  float ValueScale(int layer, int head, int64_t slot) const {
    return Q8Scales(ValueBlock(layer, head, slot / kKeyBlock), dim_)[slot % kKeyBlock];
  }

  /// Copies slot `from` of this buffer, bit for bit, to place `to` (0..63) of a block in the same layout.
  void CopyKey(int layer, int head, int64_t from, std::byte* block, int to) const;
  void CopyValue(int layer, int head, int64_t from, std::byte* block, int to) const;
  /// Bytes of an image of `rows` slots of one head: its key blocks, then its value blocks.
  static int64_t ImageBytes(const KvGeometry& geometry, int64_t rows);
  /// Copies slots [0, rows) of a head into an image, which holds zeros, and the first `rows` of `image_rows` back.
  void SaveHead(int layer, int head, int64_t rows, std::byte* image) const;
  void LoadHead(int layer, int head, int64_t rows, const std::byte* image, int64_t image_rows);
  /// Copies the first `rows` slots of a block (all: 64) to the same places of a block in the same layout.
  void CopyLeadingKeys(int layer, int head, int64_t block, int64_t rows, std::byte* keys) const;
  void CopyLeadingValues(int layer, int head, int64_t block, int64_t rows, std::byte* values) const;
  /// Zeroes the values at `places` (bit j: place j) of a block in this layout.
  void ZeroValues(uint64_t places, std::byte* values) const;

 private:
  KvGeometry geometry_;
  int64_t bytes_;  ///< first: its computation checks the sizes that the others multiply
  int dim_;
  int64_t blocks_, key_block_bytes_, value_block_bytes_, head_bytes_;
  std::byte* memory_ = nullptr;
};

}  // namespace longshot
