#pragma once

/// Included after a simd_*.h, inside files compiled for one instruction set.
namespace longshot {
namespace {

/// 2^x for finite x in [-126, 127], relative error below 2e-7, the same bits on every instruction set, and exact for
/// integers; lower x give at most 2^-126. With n = floor(x) and f = x - n in [0, 1): 2^n times the polynomial of degree
/// 5 with value 1 at 0 whose largest relative error over [0, 1] is least (8.3e-8).
/// Several vectors go step by step: compilers would put one after the other, and each step waits for the last.
template <int N>
inline void Exp2(F32x16 (&x)[N]) {
  constexpr float kCoefficients[] = {9.01703071e-3f, 5.57999127e-2f, 2.40164444e-1f, 6.93151295e-1f, 1.0f};
  F32x16 f[N], p[N];
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) f[i] = Fraction(x[i]), p[i] = F32x16::Set(1.86713005e-3f);
#pragma GCC unroll 5
  for (const float coefficient : kCoefficients) {
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) p[i] = Fma(p[i], f[i], F32x16::Set(coefficient));
  }
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) x[i] = ScaleByPower(p[i], x[i]);
}

inline F32x16 Exp2(F32x16 x) {
  F32x16 only[1] = {x};
  Exp2(only);
  return only[0];
}

inline F32x16 Silu(F32x16 x) {
  const F32x16 one = F32x16::Set(1.0f);
  const F32x16 exponent = x * F32x16::Set(-1.44269504f);
  return x / (one + Exp2(Min(exponent, F32x16::Set(126.0f))));
}

}  // namespace
}  // namespace longshot
