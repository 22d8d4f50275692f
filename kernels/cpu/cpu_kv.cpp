#include "kernels/cpu/cpu_kv.h"

#include <sys/mman.h>

#include <bit>
#include <cstring>

#include "core/checked.h"
#include "kernels/cpu/half.h"
#include "kernels/cpu/q8_row.h"

namespace longshot {
namespace {

/// q8_0 keeps its scales apart from its elements, not in ggml's blocks.
int ElementBytes(DType type) { return type == DType::kQ8_0 ? 1 : Info(type).block_bytes; }

int PaddedDim(const KvGeometry& g) {
  const bool bytes = g.k_type == DType::kQ8_0 || g.v_type == DType::kQ8_0;
  return static_cast<int>(RoundUp(g.head_dim, bytes ? 64 : 32));
}

int64_t BlockBytes(DType type, int dim) {
  return type == DType::kQ8_0 ? Q8BlockBytes(dim) : int64_t{kKeyBlock} * dim * ElementBytes(type);
}

/// Rows of a key block that lie interleaved.
int KeysTogether(DType type) { return type == DType::kQ8_0 ? 4 : type == DType::kBF16 ? 2 : 1; }

/// Index of element `d` of the key at `place`.
int64_t KeyIndex(DType type, int64_t d, int64_t place) {
  const int n = KeysTogether(type);
  return (d / n * kKeyBlock + place) * n + d % n;
}

/// Index of element `d` of the value at `place`.
int64_t ValueIndex(DType type, int64_t place, int64_t d, int64_t dim) {
  if (type == DType::kQ8_0) return (place % 16 * dim + d) * 4 + place / 16;
  if (type == DType::kBF16) return (place / 2 * dim + d) * 2 + place % 2;
  return place * dim + d;
}

float* Scales(std::byte* block, int dim) { return reinterpret_cast<float*>(block + Q8ScaleOffset(dim)); }

void Encode(DType type, float x, std::byte* block, int64_t index) {
  if (type == DType::kF32) {
    std::memcpy(block + index * 4, &x, 4);
    return;
  }
  const uint16_t half = type == DType::kBF16 ? ToBf16(x) : ToF16(x);
  std::memcpy(block + index * 2, &half, 2);
}

float Decode(DType type, const std::byte* block, int64_t index) {
  if (type == DType::kF32) {
    float x;
    std::memcpy(&x, block + index * 4, 4);
    return x;
  }
  if (type == DType::kQ8_0) return static_cast<float>(static_cast<int8_t>(block[index]));
  uint16_t half;
  std::memcpy(&half, block + index * 2, 2);
  return type == DType::kBF16 ? FromBf16(half) : FromF16(half);
}

/// Keeps, of each of `dim` words of 32 bits, the bits of `kept`.
void KeepBits(uint32_t kept, int dim, std::byte* words) {
  if (kept == 0) {
    std::memset(words, 0, int64_t{dim} * 4);
  } else if (kept != ~uint32_t{0}) {
    for (int d = 0; d < dim; ++d) {
      uint32_t word;
      std::memcpy(&word, words + 4 * d, 4);
      word &= kept;
      std::memcpy(words + 4 * d, &word, 4);
    }
  }
}

/// Zeroes the values in bf16 at `places`.
void ZeroPairs(uint64_t places, int dim, std::byte* values) {
  for (int i = 0; i < kKeyBlock / 2; ++i, places >>= 2) {
    const uint32_t kept = ((places & 1) != 0 ? 0u : 0xffffu) | ((places & 2) != 0 ? 0u : 0xffff0000u);
    KeepBits(kept, dim, values + int64_t{i} * dim * 4);
  }
}

/// Zeroes the values in q8_0 at `places`, whose quads hold places i, i + 16, i + 32 and i + 48.
void ZeroQuads(uint64_t places, int dim, std::byte* values) {
  for (int i = 0; i < 16; ++i) {
    uint32_t kept = 0;
    for (int j = 0; j < 4; ++j) kept |= (places >> (i + 16 * j) & 1) != 0 ? 0 : uint32_t{0xff} << (8 * j);
    KeepBits(kept, dim, values + int64_t{i} * dim * 4);
  }
  for (; places != 0; places &= places - 1) Scales(values, dim)[std::countr_zero(places)] = 0.0f;
}

void CopyElement(DType type, const std::byte* from, int64_t from_index, std::byte* to, int64_t to_index) {
  const int bytes = ElementBytes(type);
  std::memcpy(to + to_index * bytes, from + from_index * bytes, bytes);
}

}  // namespace

CpuKv::CpuKv(const KvGeometry& geometry)
    : geometry_(geometry),
      bytes_(Bytes(geometry)),
      dim_(PaddedDim(geometry)),
      blocks_(CeilDiv(geometry.capacity, kKeyBlock)),
      key_block_bytes_(BlockBytes(geometry.k_type, dim_)),
      value_block_bytes_(BlockBytes(geometry.v_type, dim_)),
      head_bytes_(blocks_ * (key_block_bytes_ + value_block_bytes_)) {
  CHECK(geometry.head_dim > 0 && geometry.head_dim <= kMaxHeadDim && geometry.capacity > 0);
  // Fresh pages are zero, so the padding of rows is zero for good and unwritten values are finite.
  void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    Throw(ErrorCode::kCapacity, "KV cache of {} MiB for {} tokens does not fit in memory: use a smaller -c",
          bytes_ >> 20, geometry.capacity);
  }
  ::madvise(memory, bytes_, MADV_HUGEPAGE);
  memory_ = static_cast<std::byte*>(memory);
}

CpuKv::~CpuKv() { ::munmap(memory_, bytes_); }

int64_t CpuKv::Bytes(const KvGeometry& g) {
  const int dim = PaddedDim(g);
  const int64_t blocks = CheckedAdd(g.capacity, kKeyBlock - 1, "KV cache") / kKeyBlock;
  return CheckedProduct({g.layers, g.kv_heads, blocks, BlockBytes(g.k_type, dim) + BlockBytes(g.v_type, dim)},
                        "KV cache");
}

std::byte* CpuKv::KeyBlock(int layer, int head, int64_t block) const {
  return memory_ + (int64_t{layer} * geometry_.kv_heads + head) * head_bytes_ + block * key_block_bytes_;
}

std::byte* CpuKv::ValueBlock(int layer, int head, int64_t block) const {
  return memory_ + (int64_t{layer} * geometry_.kv_heads + head) * head_bytes_ + blocks_ * key_block_bytes_ +
         block * value_block_bytes_;
}

void CpuKv::WriteKey(int layer, int head, int64_t slot, const float* row) {
  const DType type = geometry_.k_type;
  std::byte* block = KeyBlock(layer, head, slot / kKeyBlock);
  const int64_t place = slot % kKeyBlock;
  if (type == DType::kQ8_0) {
    int8_t quants[kMaxHeadDim] = {};
    Scales(block, dim_)[place] = RoundToQ8(row, geometry_.head_dim, quants);
    for (int d = 0; d < dim_; d += 4) std::memcpy(block + KeyIndex(type, d, place), quants + d, 4);
    return;
  }
  for (int d = 0; d < geometry_.head_dim; ++d) Encode(type, row[d], block, KeyIndex(type, d, place));
}

void CpuKv::WriteValue(int layer, int head, int64_t slot, const float* row) {
  const DType type = geometry_.v_type;
  std::byte* block = ValueBlock(layer, head, slot / kKeyBlock);
  const int64_t place = slot % kKeyBlock;
  if (type == DType::kQ8_0) {
    int8_t quants[kMaxHeadDim];
    Scales(block, dim_)[place] = RoundToQ8(row, geometry_.head_dim, quants);
    std::byte* at = block + ValueIndex(type, place, 0, dim_);
    for (int d = 0; d < geometry_.head_dim; ++d) at[4 * d] = static_cast<std::byte>(quants[d]);
    return;
  }
  for (int d = 0; d < geometry_.head_dim; ++d) Encode(type, row[d], block, ValueIndex(type, place, d, dim_));
}

void CpuKv::ReadKey(int layer, int head, int64_t slot, float* row) const {
  const DType type = geometry_.k_type;
  const std::byte* block = KeyBlock(layer, head, slot / kKeyBlock);
  const int64_t place = slot % kKeyBlock;
  const float scale = type == DType::kQ8_0 ? Q8Scales(block, dim_)[place] : 1.0f;
  for (int d = 0; d < geometry_.head_dim; ++d) row[d] = scale * Decode(type, block, KeyIndex(type, d, place));
}

void CpuKv::ReadValue(int layer, int head, int64_t slot, float* row) const {
  const DType type = geometry_.v_type;
  const std::byte* block = ValueBlock(layer, head, slot / kKeyBlock);
  const int64_t place = slot % kKeyBlock;
  const float scale = type == DType::kQ8_0 ? Q8Scales(block, dim_)[place] : 1.0f;
  for (int d = 0; d < geometry_.head_dim; ++d) row[d] = scale * Decode(type, block, ValueIndex(type, place, d, dim_));
}

void CpuKv::CopyKey(int layer, int head, int64_t from, std::byte* block, int to) const {
  const DType type = geometry_.k_type;
  const std::byte* source = KeyBlock(layer, head, from / kKeyBlock);
  const int together = KeysTogether(type), bytes = together * ElementBytes(type);
  for (int d = 0; d < dim_; d += together) {
    std::memcpy(block + KeyIndex(type, d, to) * ElementBytes(type),
                source + KeyIndex(type, d, from % kKeyBlock) * ElementBytes(type), bytes);
  }
  if (type == DType::kQ8_0) Scales(block, dim_)[to] = Q8Scales(source, dim_)[from % kKeyBlock];
}

void CpuKv::CopyValue(int layer, int head, int64_t from, std::byte* block, int to) const {
  const DType type = geometry_.v_type;
  const std::byte* source = ValueBlock(layer, head, from / kKeyBlock);
  for (int d = 0; d < dim_; ++d) {
    CopyElement(type, source, ValueIndex(type, from % kKeyBlock, d, dim_), block, ValueIndex(type, to, d, dim_));
  }
  if (type == DType::kQ8_0) Scales(block, dim_)[to] = Q8Scales(source, dim_)[from % kKeyBlock];
}

void CpuKv::CopyLeadingKeys(int layer, int head, int64_t block, int64_t rows, std::byte* keys) const {
  // One run per matrix row, pair or quad of rows.
  const int together = KeysTogether(geometry_.k_type);
  const int64_t width = ElementBytes(geometry_.k_type) * together;
  const std::byte* source = KeyBlock(layer, head, block);
  for (int64_t r = 0; r < dim_ / together; ++r) {
    std::memcpy(keys + r * kKeyBlock * width, source + r * kKeyBlock * width, rows * width);
  }
  if (geometry_.k_type == DType::kQ8_0) std::memcpy(Scales(keys, dim_), Q8Scales(source, dim_), rows * 4);
}

void CpuKv::CopyLeadingValues(int layer, int head, int64_t block, int64_t rows, std::byte* values) const {
  if (geometry_.v_type == DType::kQ8_0) {
    if (rows == 0) return;
    std::memcpy(values, ValueBlock(layer, head, block), value_block_bytes_);
    if (rows < kKeyBlock) ZeroValues(~uint64_t{0} << rows, values);
    return;
  }
  // Rows of a pair interleave, so an odd last row goes element by element.
  const int64_t whole = geometry_.v_type == DType::kBF16 ? rows / 2 * 2 : rows;
  std::memcpy(values, ValueBlock(layer, head, block), whole * dim_ * ElementBytes(geometry_.v_type));
  if (whole < rows) CopyValue(layer, head, block * kKeyBlock + whole, values, static_cast<int>(whole));
}

int64_t CpuKv::ImageBytes(const KvGeometry& g, int64_t rows) {
  const int dim = PaddedDim(g);
  return CheckedProduct(
      {CheckedAdd(rows, kKeyBlock - 1, "KV image") / kKeyBlock, BlockBytes(g.k_type, dim) + BlockBytes(g.v_type, dim)},
      "KV image");
}

void CpuKv::SaveHead(int layer, int head, int64_t rows, std::byte* image) const {
  const int64_t whole = rows / kKeyBlock;
  std::byte* values = image + CeilDiv(rows, kKeyBlock) * key_block_bytes_;
  std::memcpy(image, KeyBlock(layer, head, 0), whole * key_block_bytes_);
  std::memcpy(values, ValueBlock(layer, head, 0), whole * value_block_bytes_);
  // Slots behind the last row are left out: they hold what was tried there.
  if (rows % kKeyBlock == 0) return;
  CopyLeadingKeys(layer, head, whole, rows % kKeyBlock, image + whole * key_block_bytes_);
  CopyLeadingValues(layer, head, whole, rows % kKeyBlock, values + whole * value_block_bytes_);
}

void CpuKv::LoadHead(int layer, int head, int64_t rows, const std::byte* image, int64_t image_rows) {
  const int64_t blocks = CeilDiv(rows, kKeyBlock);
  const std::byte* values = image + CeilDiv(image_rows, kKeyBlock) * key_block_bytes_;
  std::memcpy(KeyBlock(layer, head, 0), image, blocks * key_block_bytes_);
  std::memcpy(ValueBlock(layer, head, 0), values, blocks * value_block_bytes_);
}

void CpuKv::ZeroValues(uint64_t places, std::byte* values) const {
  const DType type = geometry_.v_type;
  if (type == DType::kQ8_0) return ZeroQuads(places, dim_, values);
  if (type == DType::kBF16) return ZeroPairs(places, dim_, values);
  const int64_t row = int64_t{dim_} * ElementBytes(type);
  for (; places != 0; places &= places - 1) std::memset(values + std::countr_zero(places) * row, 0, row);
}

}  // namespace longshot
