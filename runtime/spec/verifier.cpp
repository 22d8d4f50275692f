#include "runtime/spec/verifier.h"

#include "core/error.h"

namespace longshot {

int64_t InvertCumulative(std::span<const double> weights, double u) {
  double total = 0;
  for (double weight : weights) total += weight;
  CHECK(total > 0, "{} weights sum to {}", weights.size(), total);
  double rest = u * total;
  int64_t last = -1;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = static_cast<int64_t>(i);
    if (rest < weights[i]) break;
    rest -= weights[i];
  }
  return last;
}

bool KeyedRandom::Bernoulli(NodeId node, uint32_t index, double accept) {
  return Uniform({.seed = seed_,
                  .sequence = sequence_,
                  .round = round_,
                  .node = node,
                  .index = index,
                  .purpose = DrawPurpose::kAccept}) < accept;
}

int64_t KeyedRandom::Categorical(NodeId node, std::span<const double> weights) {
  return InvertCumulative(
      weights,
      Uniform(
          {.seed = seed_, .sequence = sequence_, .round = round_, .node = node, .purpose = DrawPurpose::kResidual}));
}

Token CoupledDraw(const Distribution& law, const CoupledNoise& noise, int64_t position) {
  CHECK(!law.ids.empty());
  if (law.ids.size() == 1) return law.ids[0];
  Token best = kNoToken;
  double best_score = 0;
  for (size_t i = 0; i < law.ids.size(); ++i) {
    const double score = law.log_weights[i] + noise.At(position, law.ids[i]);
    if (best != kNoToken && score <= best_score) continue;
    best = law.ids[i];
    best_score = score;
  }
  return best;
}

}  // namespace longshot
