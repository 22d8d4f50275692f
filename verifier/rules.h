#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/config/field.h"
#include "runtime/spec/verifier.h"

namespace longshot {

/// Names that `MakeVerifier` knows, the default first.
std::span<const std::string_view> VerifierNames();

/// Knowledge transfer of the rule "rapid".
struct MarginConfig {
  double eta = 0;
  std::string guard = "draft";

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "margin",
                .flags = "--spec-margin",
                .minimum = 0,
                .maximum = 1000,
                .help = "of --spec-verify rapid: how far the drafter's belief shifts the target's law (eta); above 0 "
                        "the output is another model's"},
          self.eta);
    visit(Field{.name = "margin_guard",
                .flags = "--spec-margin-guard",
                .choices = {"draft", "enriched"},
                .help = "tokens that are not shifted: those implausible to the drafter, or (equation 9) afterwards"},
          self.guard);
  }
};

/// The acceptance rule `name`:
/// - "coupled" (default): the walk along argmax of log p + Gumbel noise of the position. Output independent of drafter
///   and tree; law exactly p.
/// - "greedy": the walk along the argmax of p. The same as "coupled" at temperature 0; above it, greedy all the same.
/// - "rejection": recursive rejection sampling, with and without replacement. Law exactly p, other draws than plain.
/// - "rapid": of chains; rejection sampling against the target's law enriched by the drafter's (`margin`). With eta = 0
///   it is "rejection", above 0 it changes the model.
/// `temperature`: of the answers that it verifies. Errors: kConfig, naming the rules that exist.
std::unique_ptr<Verifier> MakeVerifier(std::string_view name, const MarginConfig& margin = {}, double temperature = 1);

}  // namespace longshot
