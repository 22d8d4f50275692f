#pragma once

#include "runtime/spec/verifier.h"

namespace longshot {

/// From the root: the target chooses a token at each node; the child that holds it is accepted, and where
/// there is none the token is the next pending one. `choose(law, node)` depends on nothing but the law and
/// the node's position, so the output is that of plain decoding whatever the tree. Cost: one law per accepted
/// node. Source: the longest root-to-leaf prefix that agrees with the target, without listing leaves.
template <class Choose>
void Walk(const TokenTree& tree, TargetRows& rows, Verdict& verdict, Choose&& choose) {
  verdict.path.clear();
  NodeId node = 0;
  while (node >= 0) {
    verdict.path.push_back(node);
    verdict.next = choose(rows.At(node), node);
    node = tree.FindChild(node, verdict.next);
  }
}

}  // namespace longshot
