#include "kernels/timed/timed_backend.h"

namespace longshot {
namespace {

/// Floats of `view`, moved `times` times.
Work Moved(const MatrixView& view, int times) {
  return {.bytes = 4.0 * times * static_cast<double>(view.rows) * static_cast<double>(view.cols)};
}

}  // namespace

template <class RunOperation, class TellWork>
void TimedBackend::Time(Operation operation, RunOperation&& run, TellWork&& work) {
  if (costs_ == nullptr) return run();
  watch_.LapMs();
  run();
  inner_->Synchronize();
  const double ms = watch_.LapMs();
  const Work done = work();
  OperationCost& cost = (*costs_)[static_cast<size_t>(operation)];
  ++cost.calls;
  cost.ms += ms;
  cost.work.bytes += done.bytes;
  cost.work.flops += done.flops;
}

void TimedBackend::Upload(std::span<const float> from, float* to) {
  Time(
      Operation::kTransfer, [&] { inner_->Upload(from, to); },
      [&] { return Work{.bytes = 2.0 * static_cast<double>(from.size_bytes())}; });
}

void TimedBackend::Download(const float* from, std::span<float> to) {
  Time(
      Operation::kTransfer, [&] { inner_->Download(from, to); },
      [&] { return Work{.bytes = 2.0 * static_cast<double>(to.size_bytes())}; });
}

void TimedBackend::Matmul(const MatmulArgs& args) {
  Time(
      OperationOf(args.role), [&] { inner_->Matmul(args); }, [&] { return WorkOf(args); });
}

void TimedBackend::RmsNorm(MatrixView x, const float* weight, int64_t group, float eps, MatrixView y) {
  Time(
      Operation::kNorm, [&] { inner_->RmsNorm(x, weight, group, eps, y); }, [&] { return Moved(x, 2); });
}

void TimedBackend::RopeTable(std::span<const int64_t> positions, std::span<const double> inverse_frequencies,
                             double magnitude, MatrixView table) {
  Time(
      Operation::kRopeTable, [&] { inner_->RopeTable(positions, inverse_frequencies, magnitude, table); },
      [&] { return Moved(table, 1); });
}

void TimedBackend::Rope(MatrixView x, int heads, MatrixView table) {
  Time(
      Operation::kRope, [&] { inner_->Rope(x, heads, table); }, [&] { return Moved(x, 2); });
}

void TimedBackend::TopK(MatrixView x, int k, std::span<Token> ids) {
  Time(
      Operation::kTopK, [&] { inner_->TopK(x, k, ids); }, [&] { return Moved(x, 1); });
}

void TimedBackend::AppendKv(KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) {
  Time(
      Operation::kAppendKv, [&] { inner_->AppendKv(kv, layer, first_slot, k, v); },
      [&] {
        const double written = static_cast<double>(k.rows * kv.geometry().kv_heads * KvRowBytes(kv.geometry()));
        return Work{.bytes = Moved(k, 1).bytes + Moved(v, 1).bytes + written};
      });
}

void TimedBackend::CompactKv(KvBuffer& kv, int64_t first_slot, std::span<const int64_t> from) {
  Time(
      Operation::kCompactKv, [&] { inner_->CompactKv(kv, first_slot, from); },
      [&] {
        int64_t moved = 0;
        for (size_t i = 0; i < from.size(); ++i) moved += from[i] != first_slot + static_cast<int64_t>(i);
        const KvGeometry& g = kv.geometry();
        return Work{.bytes = 2.0 * static_cast<double>(moved * g.layers * g.kv_heads * KvRowBytes(g))};
      });
}

void TimedBackend::Attention(const AttentionArgs& args) {
  Time(
      Operation::kAttention, [&] { inner_->Attention(args); }, [&] { return WorkOf(args); });
}

}  // namespace longshot
