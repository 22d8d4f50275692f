#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/stopwatch.h"
#include "kernels/kernels.h"
#include "kernels/timed/operation_cost.h"

namespace longshot {

/// Another backend whose operations are timed and counted by kind. Everything is forwarded as it is, so results and
/// names are the other's; packing, allocation and KV rows for files and tests are not counted. Each counted operation
/// ends with a `Synchronize`: an asynchronous backend loses its overlap while it is measured. Counting allocates
/// nothing.
class TimedBackend final : public Backend {
 public:
  /// `now_ms` tells the time; empty: the wall clock.
  explicit TimedBackend(std::unique_ptr<Backend> inner, std::function<double()> now_ms = {})
      : inner_(std::move(inner)), watch_(std::move(now_ms)) {}

  /// Adds the operations that follow to `costs`, until the next call; nullptr, as at first: counts nothing.
  void CountInto(OperationCosts* costs) { costs_ = costs; }

  BackendInfo Describe() const override { return inner_->Describe(); }
  bool host_addressable() const override { return inner_->host_addressable(); }
  double PeakProductRate() override { return inner_->PeakProductRate(); }

  std::unique_ptr<Buffer> Allocate(int64_t floats) override { return inner_->Allocate(floats); }
  std::unique_ptr<PackedWeights> Pack(const WeightSource& source) override { return inner_->Pack(source); }
  int64_t PackedBytes(const WeightSource& source) const override { return inner_->PackedBytes(source); }
  void Upload(std::span<const float> from, float* to) override;
  void Download(const float* from, std::span<float> to) override;
  void Synchronize() override { inner_->Synchronize(); }

  void Matmul(const MatmulArgs& args) override;
  void RmsNorm(MatrixView x, const float* weight, int64_t group, float eps, MatrixView y) override;
  void RopeTable(std::span<const int64_t> positions, std::span<const double> inverse_frequencies, double magnitude,
                 MatrixView table) override;
  void Rope(MatrixView x, int heads, MatrixView table) override;
  void TopK(MatrixView x, int k, std::span<Token> ids) override;

  std::unique_ptr<KvBuffer> AllocateKv(const KvGeometry& geometry) override { return inner_->AllocateKv(geometry); }
  int64_t KvBytes(const KvGeometry& geometry) const override { return inner_->KvBytes(geometry); }
  void AppendKv(KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) override;
  void CompactKv(KvBuffer& kv, int64_t first_slot, std::span<const int64_t> from) override;
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
  void Attention(const AttentionArgs& args) override;

 private:
  /// Runs the operation; `work` tells what it had to do, outside of its time.
  template <class RunOperation, class TellWork>
  void Time(Operation operation, RunOperation&& run, TellWork&& work);

  std::unique_ptr<Backend> inner_;
  Stopwatch watch_;
  OperationCosts* costs_ = nullptr;
};

}  // namespace longshot
