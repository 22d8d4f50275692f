#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "runtime/spec/verifier.h"

namespace longshot {

/// Names that `MakeVerifier` knows, the default first.
std::span<const std::string_view> VerifierNames();

/// The acceptance rule `name`:
/// - "coupled" (default): the walk along argmax of log p + Gumbel noise of the position. Output independent of drafter
///   and tree; law exactly p.
/// - "greedy": the walk along the argmax of p. The same as "coupled" at temperature 0; above it, greedy all the same.
/// - "rejection": recursive rejection sampling, with and without replacement. Law exactly p, other draws than plain.
/// Errors: kConfig, naming the rules that exist.
std::unique_ptr<Verifier> MakeVerifier(std::string_view name);

}  // namespace longshot
