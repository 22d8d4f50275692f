#pragma once

/// Included after a simd_*.h, inside files compiled for one instruction set.
namespace longshot {
namespace {

/// 2^x for x in [-126, 126] (clamped), relative error below 3e-7: Taylor of 2^f, |f| <= 1/2, scaled by 2^round(x).
inline F32x16 Exp2(F32x16 x) {
  x = Min(Max(x, F32x16::Set(-126.0f)), F32x16::Set(126.0f));
  const F32x16 n = Round(x), f = x - n;
  F32x16 p = F32x16::Set(1.5403530e-4f);  // ln2^6 / 6!
  p = Fma(p, f, F32x16::Set(1.33335581e-3f));
  p = Fma(p, f, F32x16::Set(9.61812911e-3f));
  p = Fma(p, f, F32x16::Set(5.55041087e-2f));
  p = Fma(p, f, F32x16::Set(2.40226507e-1f));
  p = Fma(p, f, F32x16::Set(6.93147181e-1f));
  p = Fma(p, f, F32x16::Set(1.0f));
  return Ldexp(p, n);
}

inline F32x16 Silu(F32x16 x) {
  const F32x16 one = F32x16::Set(1.0f);
  return x / (one + Exp2(x * F32x16::Set(-1.44269504f)));
}

}  // namespace
}  // namespace longshot
