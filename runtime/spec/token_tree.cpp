#include "runtime/spec/token_tree.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace longshot {

double DraftLaw::Probability(Token token) const {
  const auto at = std::lower_bound(ids.begin(), ids.end(), token);
  return at != ids.end() && *at == token ? probabilities[at - ids.begin()] : 0.0;
}

void TokenTree::Reserve(int64_t nodes) {
  tokens_.reserve(nodes);
  for (std::vector<int32_t>* column : {&parents_, &depths_, &first_child_, &last_child_, &next_sibling_}) {
    column->reserve(nodes);
  }
  kinds_.reserve(nodes);
  laws_.reserve(nodes);
}

void TokenTree::Reset(Token pending) {
  tokens_.assign(1, pending);
  parents_.assign(1, -1);
  depths_.assign(1, 0);
  first_child_.assign(1, -1);
  last_child_.assign(1, -1);
  next_sibling_.assign(1, -1);
  kinds_.assign(1, ProposalKind::kDeterministic);
  law_count_ = 0;
  chain_ = true;
}

NodeId TokenTree::Add(NodeId parent, Token token, ProposalKind kind) {
  CHECK(parent >= 0 && parent < size(), "parent {} of {} nodes", parent, size());
  CHECK(token >= 0, "token {}", token);
  if (kind != ProposalKind::kSampledReplacement) {
    const NodeId twin = FindChild(parent, token);
    if (twin >= 0) {
      CHECK(kind == ProposalKind::kDeterministic, "token {} drawn twice without replacement", token);
      return twin;
    }
  }
  const NodeId node = static_cast<NodeId>(size());
  chain_ = chain_ && parent == node - 1;
  tokens_.push_back(token);
  parents_.push_back(parent);
  depths_.push_back(depths_[parent] + 1);
  kinds_.push_back(kind);
  first_child_.push_back(-1);
  last_child_.push_back(-1);
  next_sibling_.push_back(-1);
  if (last_child_[parent] < 0) {
    first_child_[parent] = node;
  } else {
    next_sibling_[last_child_[parent]] = node;
  }
  last_child_[parent] = node;
  return node;
}

void TokenTree::SetLaw(NodeId parent, const DraftLaw& law) {
  CHECK(parent >= 0 && parent < size(), "parent {} of {} nodes", parent, size());
  CHECK(Law(parent) == nullptr, "node {} has a law", parent);
  CHECK(law.ids.size() == law.probabilities.size(), "{} ids, {} weights", law.ids.size(), law.probabilities.size());
  CHECK(std::is_sorted(law.ids.begin(), law.ids.end()), "ids of a draft law must ascend");
  double sum = 0;
  for (float weight : law.probabilities) {
    CHECK(weight >= 0 && std::isfinite(weight), "draft weight {}", weight);
    sum += weight;
  }
  CHECK(sum > 0, "every draft weight is 0");
  if (law_count_ == static_cast<int64_t>(laws_.size())) laws_.emplace_back();
  auto& [node, stored] = laws_[law_count_++];
  node = parent;
  stored.ids.reserve(law.ids.capacity());
  stored.probabilities.reserve(law.probabilities.capacity());
  stored.ids.assign(law.ids.begin(), law.ids.end());
  stored.probabilities.assign(law.probabilities.begin(), law.probabilities.end());
}

const DraftLaw* TokenTree::Law(NodeId parent) const {
  for (int64_t i = 0; i < law_count_; ++i) {
    if (laws_[i].first == parent) return &laws_[i].second;
  }
  return nullptr;
}

NodeId TokenTree::FindChild(NodeId node, Token token) const {
  NodeId child = first_child_[node];
  while (child >= 0 && tokens_[child] != token) child = next_sibling_[child];
  return child;
}

int32_t TokenTree::max_depth() const { return *std::max_element(depths_.begin(), depths_.end()); }

}  // namespace longshot
