#include "session/option_conflicts.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "session/draft_text.h"

namespace longshot {
namespace {

/// Names of conventions that other versions know.
constexpr std::array kOtherDrafters = {"early-exit", "longspec"};

void RequireSupported(const std::string& type) {
  if (std::find(kOtherDrafters.begin(), kOtherDrafters.end(), type) == kOtherDrafters.end()) return;
  Throw(ErrorCode::kUsage, "--spec-type {}: it is not supported by this version; name one of {}", type, DrafterNames());
}

/// The first field of a drafter's own settings that was changed, as its flag; empty when none was.
template <class Config>
std::string_view ChangedFlag(Config given) {
  Config untouched;
  const auto fields = BindFields(given);
  const nlohmann::json values = ToJson(fields), defaults = ToJson(BindFields(untouched));
  for (const BoundField& bound : fields) {
    const std::string name(bound.field.name);
    if (values[name] != defaults[name]) return bound.field.flags;
  }
  return {};
}

void RequireUsed(std::string_view flag, const std::string& type, std::string_view owner) {
  // Plain decoding is the baseline of every drafter: scripts switch to it and leave the other flags.
  if (flag.empty() || type == "none" || DrafterChoice(type).Has(owner)) return;
  Throw(ErrorCode::kUsage, "{} has no effect on --spec-type {}: leave it out, or use --spec-type {}", flag, type,
        owner);
}

/// What the rule rapid can take.
void RequireRapid(const GenerateOptions& options) {
  const bool rapid = options.answer.verify == "rapid";
  MarginConfig margin = options.answer.margin;
  if (const std::string_view flag = ChangedFlag(margin); !flag.empty() && !rapid) {
    Throw(ErrorCode::kUsage, "{} has no effect on --spec-verify {}: leave it out, or use --spec-verify rapid", flag,
          options.answer.verify);
  }
  if (!rapid) return;
  const DrafterChoice choice(options.drafter.type);
  if (choice.Has("token-recycling") && options.drafter.tree.mode != "off") {
    Throw(ErrorCode::kUsage, "--spec-verify rapid verifies chains: add --spec-tree off, or leave token-recycling out");
  }
  const bool all_have_laws = std::all_of(choice.arms().begin(), choice.arms().end(), [](const DrafterEntry* entry) {
    return entry->draws_own_law || entry->name == "none";
  });
  if (margin.eta > 0 && !all_have_laws) {
    Throw(ErrorCode::kUsage,
          "--spec-margin shifts the model's law towards a drafter's, and not every drafter of {} has one; use rag, "
          "window or draft-simple",
          options.drafter.type);
  }
}

/// Settings of retrieval that would be ignored. Costs that a run measured stand in its report: they are no mistake.
void RequireUsedRetrieval(const GenerateOptions& options) {
  const DrafterConfig& drafter = options.drafter;
  if (!options.prompt.retrieves()) RequireUsed(ChangedFlag(drafter.retrieval), drafter.type, "rag");
  RagConfig rag = drafter.rag;
  const DrafterChoice choice(drafter.type);
  rag.draft_cost = rag.read_cost = 0;
  if (choice.Has("draft-simple")) rag.model.clear();
  RequireUsed(ChangedFlag(rag), drafter.type, "rag");
  RetrievalConfig by_meaning = drafter.retrieval;
  const RetrievalConfig untouched;
  const bool named = by_meaning.kind != untouched.kind || by_meaning.threshold > 0 || options.prompt.retrieves();
  if (named || !choice.chooses() || !choice.Has("rag")) return;
  by_meaning = untouched;
  by_meaning.embedder = drafter.retrieval.embedder, by_meaning.index = drafter.retrieval.index;
  by_meaning.fusion_constant = drafter.retrieval.fusion_constant;
  if (const std::string_view flag = ChangedFlag(by_meaning); !flag.empty()) {
    Throw(ErrorCode::kUsage,
          "{} has no effect on --spec-type {}, which finds passages by words: add --spec-rag-retriever hybrid", flag,
          drafter.type);
  }
}

}  // namespace

void RequireFullContext(const GenerateOptions& options) {
  if (!options.prompt.retrieves()) return;
  Throw(ErrorCode::kUsage, "--context retrieved is an option of `longshot generate`: here documents are read whole");
}

void RequireConsistent(const GenerateOptions& options) {
  const DrafterConfig& drafter = options.drafter;
  RequireSupported(drafter.type);
  DrafterChoice{drafter.type};  // refuses what is none
  TreeConfig tree = drafter.tree;
  if (tree.mode == "off") tree.mode = TreeConfig().mode;  // true of every drafter that proposes chains
  RequireUsed(ChangedFlag(tree), drafter.type, "token-recycling");
  RequireUsed(ChangedFlag(drafter.copy), drafter.type, "copy");
  WindowConfig window = drafter.window;
  window.draft_cost = 0;  // measured, in a report that is repeated
  RequireUsed(ChangedFlag(window), drafter.type, "window");
  RequireUsedRetrieval(options);
  if (options.answer.verify == "greedy" && options.sampling.temperature > 0) {
    Throw(ErrorCode::kUsage,
          "--spec-verify greedy takes the best token whatever the temperature, which is {}: add --temp 0, or use "
          "--spec-verify coupled",
          options.sampling.temperature);
  }
  if (options.prompt.retrieves() && NamesDraftText(drafter)) {
    Throw(ErrorCode::kUsage,
          "--context retrieved: the model itself reads the passages, so that --spec-type {} has nothing to gain from "
          "them; leave rag out",
          drafter.type);
  }
  RequireRapid(options);
}

}  // namespace longshot
