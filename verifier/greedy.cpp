#include "verifier/greedy.h"

#include "verifier/walk.h"

namespace longshot {

void GreedyRule::Verify(const TokenTree& tree, TargetRows& rows, const CoupledNoise&, RandomSource&,
                        Verdict& verdict) const {
  Walk(tree, rows, verdict, [](const Distribution& law, NodeId) { return law.Argmax(); });
}

}  // namespace longshot
