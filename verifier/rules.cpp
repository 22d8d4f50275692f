#include "verifier/rules.h"

#include <fmt/format.h>

#include <array>

#include "core/error.h"
#include "core/printable.h"
#include "verifier/coupled.h"
#include "verifier/greedy.h"
#include "verifier/rapid.h"
#include "verifier/rejection.h"

namespace longshot {
namespace {

template <class Rule>
std::unique_ptr<Verifier> Make(const MarginConfig&, double) {
  return std::make_unique<Rule>();
}

std::unique_ptr<Verifier> MakeRapid(const MarginConfig& margin, double temperature) {
  const MarginGuard guard = margin.guard == "draft" ? MarginGuard::kDraft : MarginGuard::kEnriched;
  return std::make_unique<RapidRule>(margin.eta, guard, temperature <= 0);
}

struct Entry {
  std::string_view name;
  std::unique_ptr<Verifier> (*make)(const MarginConfig& margin, double temperature);
};

constexpr std::array kRules = {
    Entry{"coupled", Make<CoupledRule>},
    Entry{"greedy", Make<GreedyRule>},
    Entry{"rejection", Make<RejectionRule>},
    Entry{"rapid", MakeRapid},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kRules.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kRules[i].name;
  return names;
}();

}  // namespace

std::span<const std::string_view> VerifierNames() { return kNames; }

std::unique_ptr<Verifier> MakeVerifier(std::string_view name, const MarginConfig& margin, double temperature) {
  for (const Entry& rule : kRules) {
    if (rule.name == name) return rule.make(margin, temperature);
  }
  Throw(ErrorCode::kConfig, "verification rule: expected one of {}, got '{}'; set --spec-verify",
        fmt::join(kNames, ", "), Printable(name));
}

}  // namespace longshot
