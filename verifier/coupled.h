#pragma once

#include "runtime/spec/verifier.h"

namespace longshot {

/// Walk along argmax over x of log p(x) + G(x), G Gumbel noise keyed by (seed, sequence, absolute position,
/// x). The law is exactly p (Gumbel-max), and the output a function of prompt and seed alone. A deterministic
/// set of children is accepted with the sum of its p, the most that any exact rule reaches.
class CoupledRule final : public Verifier {
 public:
  std::string_view name() const override { return "coupled"; }
  Exactness exactness() const override { return Exactness::kExact; }
  bool coupled() const override { return true; }
  void Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise& noise, RandomSource& random,
              Verdict& verdict) const override;
};

}  // namespace longshot
