#include "verifier/coupled.h"

#include "verifier/walk.h"

namespace longshot {

void CoupledRule::Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise& noise, RandomSource&,
                         Verdict& verdict) const {
  Walk(tree, rows, verdict,
       [&](const Distribution& law, NodeId node) { return CoupledDraw(law, noise, rows.NextPosition(node)); });
}

}  // namespace longshot
