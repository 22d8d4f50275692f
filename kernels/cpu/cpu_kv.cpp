#include "kernels/cpu/cpu_kv.h"

#include <sys/mman.h>

#include <bit>
#include <cstring>

#include "core/checked.h"
#include "kernels/cpu/half.h"

namespace longshot {
namespace {

int ElementBytes(DType type) { return Info(type).block_bytes; }

/// Index of element (row, col) of a block matrix with `cols` columns.
int64_t ElementIndex(DType type, int64_t row, int64_t col, int64_t cols) {
  if (type == DType::kBF16) return (row / 2 * cols + col) * 2 + row % 2;
  return row * cols + col;
}

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
  uint16_t half;
  std::memcpy(&half, block + index * 2, 2);
  return type == DType::kBF16 ? FromBf16(half) : FromF16(half);
}

void CopyElement(DType type, const std::byte* from, int64_t from_index, std::byte* to, int64_t to_index) {
  const int bytes = ElementBytes(type);
  std::memcpy(to + to_index * bytes, from + from_index * bytes, bytes);
}

}  // namespace

CpuKv::CpuKv(const KvGeometry& geometry)
    : geometry_(geometry),
      bytes_(Bytes(geometry)),
      dim_(static_cast<int>(RoundUp(geometry.head_dim, 32))),
      blocks_(CeilDiv(geometry.capacity, kKeyBlock)),
      key_block_bytes_(int64_t{kKeyBlock} * dim_ * ElementBytes(geometry.k_type)),
      value_block_bytes_(int64_t{kKeyBlock} * dim_ * ElementBytes(geometry.v_type)),
      head_bytes_(blocks_ * (key_block_bytes_ + value_block_bytes_)) {
  CHECK(geometry.head_dim > 0 && geometry.capacity > 0);
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
  const int64_t row = RoundUp(g.head_dim, 32) * (ElementBytes(g.k_type) + ElementBytes(g.v_type));
  const int64_t blocks = CheckedAdd(g.capacity, kKeyBlock - 1, "KV cache") / kKeyBlock;
  return CheckedProduct({g.layers, g.kv_heads, blocks, kKeyBlock, row}, "KV cache");
}

std::byte* CpuKv::KeyBlock(int layer, int head, int64_t block) const {
  return memory_ + (int64_t{layer} * geometry_.kv_heads + head) * head_bytes_ + block * key_block_bytes_;
}

std::byte* CpuKv::ValueBlock(int layer, int head, int64_t block) const {
  return memory_ + (int64_t{layer} * geometry_.kv_heads + head) * head_bytes_ + blocks_ * key_block_bytes_ +
         block * value_block_bytes_;
}

void CpuKv::WriteKey(int layer, int head, int64_t slot, const float* row) {
  std::byte* block = KeyBlock(layer, head, slot / kKeyBlock);
  for (int d = 0; d < geometry_.head_dim; ++d) {
    Encode(geometry_.k_type, row[d], block, ElementIndex(geometry_.k_type, d, slot % kKeyBlock, kKeyBlock));
  }
}

void CpuKv::WriteValue(int layer, int head, int64_t slot, const float* row) {
  std::byte* block = ValueBlock(layer, head, slot / kKeyBlock);
  for (int d = 0; d < geometry_.head_dim; ++d) {
    Encode(geometry_.v_type, row[d], block, ElementIndex(geometry_.v_type, slot % kKeyBlock, d, dim_));
  }
}

void CpuKv::ReadKey(int layer, int head, int64_t slot, float* row) const {
  const std::byte* block = KeyBlock(layer, head, slot / kKeyBlock);
  for (int d = 0; d < geometry_.head_dim; ++d) {
    row[d] = Decode(geometry_.k_type, block, ElementIndex(geometry_.k_type, d, slot % kKeyBlock, kKeyBlock));
  }
}

void CpuKv::ReadValue(int layer, int head, int64_t slot, float* row) const {
  const std::byte* block = ValueBlock(layer, head, slot / kKeyBlock);
  for (int d = 0; d < geometry_.head_dim; ++d) {
    row[d] = Decode(geometry_.v_type, block, ElementIndex(geometry_.v_type, slot % kKeyBlock, d, dim_));
  }
}

void CpuKv::CopyKey(int layer, int head, int64_t from, std::byte* block, int to) const {
  const DType type = geometry_.k_type;
  const std::byte* source = KeyBlock(layer, head, from / kKeyBlock);
  for (int d = 0; d < dim_; ++d) {
    CopyElement(type, source, ElementIndex(type, d, from % kKeyBlock, kKeyBlock), block,
                ElementIndex(type, d, to, kKeyBlock));
  }
}

void CpuKv::CopyValue(int layer, int head, int64_t from, std::byte* block, int to) const {
  const DType type = geometry_.v_type;
  const std::byte* source = ValueBlock(layer, head, from / kKeyBlock);
  for (int d = 0; d < dim_; ++d) {
    CopyElement(type, source, ElementIndex(type, from % kKeyBlock, d, dim_), block, ElementIndex(type, to, d, dim_));
  }
}

void CpuKv::CopyLeadingKeys(int layer, int head, int64_t block, int64_t rows, std::byte* keys) const {
  // One run per matrix row, or pair of rows.
  const bool pairs = geometry_.k_type == DType::kBF16;
  const int64_t width = ElementBytes(geometry_.k_type) * (pairs ? 2 : 1), key_rows = pairs ? dim_ / 2 : dim_;
  const std::byte* source = KeyBlock(layer, head, block);
  for (int64_t r = 0; r < key_rows; ++r) {
    std::memcpy(keys + r * kKeyBlock * width, source + r * kKeyBlock * width, rows * width);
  }
}

void CpuKv::CopyLeadingValues(int layer, int head, int64_t block, int64_t rows, std::byte* values) const {
  // Rows of a pair interleave, so an odd last row goes element by element.
  const int64_t whole = geometry_.v_type == DType::kBF16 ? rows / 2 * 2 : rows;
  std::memcpy(values, ValueBlock(layer, head, block), whole * dim_ * ElementBytes(geometry_.v_type));
  if (whole < rows) CopyValue(layer, head, block * kKeyBlock + whole, values, static_cast<int>(whole));
}

int64_t CpuKv::ImageBytes(const KvGeometry& g, int64_t rows) {
  const int64_t row = RoundUp(g.head_dim, 32) * (ElementBytes(g.k_type) + ElementBytes(g.v_type));
  return CheckedProduct({CheckedAdd(rows, kKeyBlock - 1, "KV image") / kKeyBlock, kKeyBlock, row}, "KV image");
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
  const int bytes = ElementBytes(type);
  for (; places != 0; places &= places - 1) {
    const int place = std::countr_zero(places);
    for (int d = 0; d < dim_; ++d) std::memset(values + ElementIndex(type, place, d, dim_) * bytes, 0, bytes);
  }
}

}  // namespace longshot
