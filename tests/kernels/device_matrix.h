#pragma once

#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "core/error.h"
#include "kernels/kernels.h"

namespace longshot {

/// A matrix in backend memory whose rows stand `kGap` elements apart, the gaps holding NaN: an operation that
/// reads or writes beyond its columns shows.
class DeviceMatrix {
 public:
  static constexpr int64_t kGap = 5;

  DeviceMatrix(Backend& backend, int64_t rows, int64_t cols)
      : backend_(&backend), rows_(rows), cols_(cols), buffer_(backend.Allocate(rows * (cols + kGap))) {
    backend_->Upload(Canvas(), buffer_->data());
  }
  /// values: [rows, cols] without gaps.
  DeviceMatrix(Backend& backend, int64_t rows, int64_t cols, std::span<const float> values)
      : DeviceMatrix(backend, rows, cols) {
    CHECK(static_cast<int64_t>(values.size()) == rows * cols);
    std::vector<float> canvas = Canvas();
    for (int64_t r = 0; r < rows; ++r) {
      std::copy_n(values.begin() + r * cols, cols, canvas.begin() + r * (cols + kGap));
    }
    backend_->Upload(canvas, buffer_->data());
  }

  MatrixView view() { return {buffer_->data(), rows_, cols_, cols_ + kGap}; }
  float* data() { return buffer_->data(); }

  /// The values, [rows, cols]. Checks that the gaps are as they were.
  std::vector<float> Get() {
    std::vector<float> canvas(static_cast<size_t>(rows_ * (cols_ + kGap))), values;
    backend_->Synchronize();
    backend_->Download(buffer_->data(), canvas);
    for (int64_t i = 0; i < rows_ * (cols_ + kGap); ++i) {
      if (i % (cols_ + kGap) < cols_) {
        values.push_back(canvas[i]);
      } else {
        CHECK(canvas[i] != canvas[i], "something wrote beyond the columns of row {}", i / (cols_ + kGap));
      }
    }
    return values;
  }

 private:
  std::vector<float> Canvas() const {
    return std::vector<float>(static_cast<size_t>(rows_ * (cols_ + kGap)), std::numeric_limits<float>::quiet_NaN());
  }

  Backend* backend_;
  int64_t rows_, cols_;
  std::unique_ptr<Buffer> buffer_;
};

/// A vector in backend memory.
class DeviceVector {
 public:
  DeviceVector(Backend& backend, std::span<const float> values)
      : buffer_(backend.Allocate(static_cast<int64_t>(values.size()))) {
    backend.Upload(values, buffer_->data());
  }
  float* data() { return buffer_->data(); }

 private:
  std::unique_ptr<Buffer> buffer_;
};

}  // namespace longshot
