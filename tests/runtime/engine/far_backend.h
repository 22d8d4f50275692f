#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/kernels.h"

namespace longshot {

/// A backend whose memory the host may not read, as a GPU's: computes with another one, remembers its addresses and
/// counts downloads.
class FarBackend final : public Backend {
 public:
  explicit FarBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  int downloads() const { return downloads_; }
  bool Owns(const float* address) const {
    for (const auto& [begin, end] : memory_) {
      if (address >= begin && address < end) return true;
    }
    return false;
  }

  BackendInfo Describe() const override { return inner_->Describe(); }
  bool host_addressable() const override { return false; }
  std::unique_ptr<Buffer> Allocate(int64_t floats) override {
    auto buffer = inner_->Allocate(floats);
    memory_.emplace_back(buffer->data(), buffer->data() + floats);
    return buffer;
  }
  std::unique_ptr<PackedWeights> Pack(const WeightSource& source) override { return inner_->Pack(source); }
  int64_t PackedBytes(const WeightSource& source) const override { return inner_->PackedBytes(source); }
  void Upload(std::span<const float> from, float* to) override { inner_->Upload(from, to); }
  void Download(const float* from, std::span<float> to) override {
    ++downloads_;
    inner_->Download(from, to);
  }
  void Synchronize() override { inner_->Synchronize(); }
  void Matmul(const MatmulArgs& args) override { inner_->Matmul(args); }
  void RmsNorm(MatrixView x, const float* weight, int64_t group, float eps, MatrixView y) override {
    inner_->RmsNorm(x, weight, group, eps, y);
  }
  void RopeTable(std::span<const int64_t> positions, std::span<const double> inverse_frequencies, double magnitude,
                 MatrixView table) override {
    inner_->RopeTable(positions, inverse_frequencies, magnitude, table);
  }
  void Rope(MatrixView x, int heads, MatrixView table) override { inner_->Rope(x, heads, table); }
  void TopK(MatrixView x, int k, std::span<Token> ids) override { inner_->TopK(x, k, ids); }
  std::unique_ptr<KvBuffer> AllocateKv(const KvGeometry& geometry) override { return inner_->AllocateKv(geometry); }
  int64_t KvBytes(const KvGeometry& geometry) const override { return inner_->KvBytes(geometry); }
  void AppendKv(KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) override {
    inner_->AppendKv(kv, layer, first_slot, k, v);
  }
  void CompactKv(KvBuffer& kv, int64_t first_slot, std::span<const int64_t> from) override {
    inner_->CompactKv(kv, first_slot, from);
  }
  void ExportKv(const KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) override {
    inner_->ExportKv(kv, layer, first_slot, k, v);
  }
  void PoisonKv(KvBuffer& kv, int64_t first_slot, int64_t count) override { inner_->PoisonKv(kv, first_slot, count); }
  std::string KvLayout() const override { return inner_->KvLayout(); }
  int64_t KvImageBytes(const KvGeometry& geometry, int64_t rows) const override {
    return inner_->KvImageBytes(geometry, rows);
  }
  void SaveKv(const KvBuffer& kv, int layer, int64_t rows, std::span<std::byte> image) override {
    inner_->SaveKv(kv, layer, rows, image);
  }
  void LoadKv(KvBuffer& kv, int layer, int64_t rows, std::span<const std::byte> image, int64_t image_rows) override {
    inner_->LoadKv(kv, layer, rows, image, image_rows);
  }
  void Attention(const AttentionArgs& args) override { inner_->Attention(args); }

 private:
  std::unique_ptr<Backend> inner_;
  int downloads_ = 0;
  std::vector<std::pair<const float*, const float*>> memory_;
};

}  // namespace longshot
