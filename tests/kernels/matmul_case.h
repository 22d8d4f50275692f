#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/cpu/half.h"
#include "kernels/kernels.h"
#include "tests/draws.h"
#include "tests/kernels/device_matrix.h"

namespace longshot {

struct MatmulShape {
  int64_t rows, outputs, inputs;
};

/// One product with all its inputs on the host.
struct MatmulCase {
  MatmulShape shape;
  Epilogue epilogue = Epilogue::kNone;
  bool norm = false, bias = false;
  bool representable = false;  ///< x and weights are bf16 values: products are exact in both weight types
  std::vector<float> x, weights, norm_weight, bias_values, residual;

  static constexpr float kEps = 1e-5f;

  int64_t columns() const { return epilogue == Epilogue::kSwiGlu ? shape.outputs / 2 : shape.outputs; }
  std::string Describe() const {
    return fmt::format("T {} outputs {} inputs {} epilogue {} norm {} bias {} representable {}", shape.rows,
                       shape.outputs, shape.inputs, static_cast<int>(epilogue), norm, bias, representable);
  }
};

inline MatmulCase RandomMatmulCase(Draws& draws, MatmulShape shape, Epilogue epilogue, bool norm, bool bias,
                                   bool representable) {
  MatmulCase c{.shape = shape,
               .epilogue = epilogue,
               .norm = norm,
               .bias = bias,
               .representable = representable,
               .x = {},
               .weights = {},
               .norm_weight = {},
               .bias_values = {},
               .residual = {}};
  const auto round = [&](std::vector<float> values) {
    if (representable) {
      for (float& v : values) v = FromBf16(ToBf16(v));
    }
    return values;
  };
  c.x = round(draws.Normals(shape.rows * shape.inputs));
  c.weights = round(draws.Normals(shape.outputs * shape.inputs));
  c.norm_weight = draws.Normals(shape.inputs);
  c.bias_values = draws.Normals(shape.outputs);
  c.residual = draws.Normals(shape.rows * c.columns());
  return c;
}

inline std::unique_ptr<PackedWeights> PackWeights(Backend& backend, const MatmulCase& c) {
  return backend.Pack({.outputs = c.shape.outputs, .inputs = c.shape.inputs, .read = [&](int64_t row, auto out) {
                         std::copy_n(c.weights.begin() + row * c.shape.inputs, c.shape.inputs, out.begin());
                       }});
}

/// y of rows [first, first + rows) of the case, computed in one call, on weights packed before.
inline std::vector<float> RunMatmulRows(Backend& backend, const PackedWeights& weights, const MatmulCase& c,
                                        int64_t first, int64_t rows) {
  const auto part = [&](const std::vector<float>& all, int64_t cols) {
    return std::span(all).subspan(static_cast<size_t>(first * cols), static_cast<size_t>(rows * cols));
  };
  DeviceMatrix x(backend, rows, c.shape.inputs, part(c.x, c.shape.inputs));
  DeviceMatrix y(backend, rows, c.columns(), part(c.residual, c.columns()));
  DeviceVector norm(backend, c.norm_weight), bias(backend, c.bias_values);
  backend.Matmul({.x = x.view(),
                  .weights = &weights,
                  .y = y.view(),
                  .norm = c.norm ? norm.data() : nullptr,
                  .norm_eps = MatmulCase::kEps,
                  .bias = c.bias ? bias.data() : nullptr,
                  .epilogue = c.epilogue});
  return y.Get();
}

inline std::vector<float> RunMatmul(Backend& backend, const MatmulCase& c) {
  return RunMatmulRows(backend, *PackWeights(backend, c), c, 0, c.shape.rows);
}

/// How far a backend may be from the definition, for every element of y.
///
/// With u = 2^-24, K inputs and S = |bias| + sum |x_i w_i| over the prepared row: a sum of K + 1 terms in any
/// order is off by at most (K + 1) u S; the norm's scale by (K / 16 + 8) u relative; rounding to bf16 costs
/// 2^-8 relative for a row that was normalised and 2^-8 for each of row and weights that are not bf16 values
/// already. SwiGLU: the slope of silu is below 1.1, its value is off by 1e-6 relative.
inline std::vector<double> MatmulTolerance(const MatmulCase& c, bool bf16) {
  constexpr double kUnit = 0x1p-24, kHalf = 0x1p-8;
  const auto inputs = static_cast<double>(c.shape.inputs);
  double relative = (inputs + 1) * kUnit + (c.norm ? (inputs / 16 + 8) * kUnit : 0);
  if (bf16) relative += (c.norm || !c.representable ? kHalf : 0) + (c.representable ? 0 : kHalf) + kHalf * kHalf;
  std::vector<double> tolerance(static_cast<size_t>(c.shape.rows * c.columns()));
  for (int64_t t = 0; t < c.shape.rows; ++t) {
    const float* x = &c.x[t * c.shape.inputs];
    double squares = 0;
    for (int64_t i = 0; i < c.shape.inputs; ++i) squares += double{x[i]} * x[i];
    const double scale = c.norm ? 1 / std::sqrt(squares / inputs + MatmulCase::kEps) : 1;
    std::vector<double> y(c.shape.outputs), error(c.shape.outputs);
    for (int64_t o = 0; o < c.shape.outputs; ++o) {
      double size = c.bias ? std::abs(c.bias_values[o]) : 0;
      y[o] = c.bias ? c.bias_values[o] : 0;
      for (int64_t i = 0; i < c.shape.inputs; ++i) {
        const double term = x[i] * scale * (c.norm ? c.norm_weight[i] : 1) * c.weights[o * c.shape.inputs + i];
        size += std::abs(term), y[o] += term;
      }
      error[o] = relative * size + 1e-30;
    }
    for (int64_t o = 0; o < c.columns(); ++o) {
      double& bound = tolerance[t * c.columns() + o];
      if (c.epilogue == Epilogue::kSwiGlu) {
        const double gate = y[2 * o], up = y[2 * o + 1], silu = gate / (1 + std::exp(-gate));
        bound = 1.1 * error[2 * o] * (std::abs(up) + error[2 * o + 1]) + std::abs(silu) * error[2 * o + 1] +
                1e-6 * std::abs(silu * up) + 1e-30;
      } else {
        const double before = c.epilogue == Epilogue::kAdd ? c.residual[t * c.columns() + o] : 0;
        bound = error[o] + 2 * kUnit * (std::abs(before) + std::abs(before + y[o]));
      }
    }
  }
  return tolerance;
}

}  // namespace longshot
