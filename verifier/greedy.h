#pragma once

#include "runtime/spec/verifier.h"

namespace longshot {

/// Walk along the argmax of the processed logits; ties to the lowest id.
class GreedyRule final : public Verifier {
 public:
  std::string_view name() const override { return "greedy"; }
  Exactness exactness() const override { return Exactness::kExact; }
  bool coupled() const override { return true; }
  void Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise& noise, RandomSource& random,
              Verdict& verdict) const override;
};

}  // namespace longshot
