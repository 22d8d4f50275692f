#include "drafters/registry.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/error.h"
#include "core/printable.h"
#include "drafters/auto/auto.h"
#include "drafters/none/none.h"
#include "drafters/token_recycling/token_recycling.h"
#include "runtime/config/nearest.h"

namespace longshot {
namespace {

std::unique_ptr<Drafter> MakeChoosing(std::string_view type, const DrafterConfig& config) {
  const DrafterChoice choice(type);
  std::vector<std::unique_ptr<Drafter>> arms;
  for (const DrafterEntry* entry : choice.arms()) arms.push_back(entry->make(config));
  return std::make_unique<AutoDrafter>(std::string(type), std::move(arms));
}

constexpr std::string_view kAuto = "auto";

/// Of a drafter that runs a model; rows of its own are counted by the session's memory table.
int64_t ModelDrafterBytes(const DraftExtent& extent) { return extent.vocab * ModelDrafter::kBytesPerToken; }

constexpr std::array kDrafters = {
    DrafterEntry{"none", "plain decoding: proposes nothing", Exactness::kExact, false, DraftNeed::kNothing, false,
                 [](const DraftExtent&) { return int64_t{0}; },
                 [](const DrafterConfig&) -> std::unique_ptr<Drafter> { return std::make_unique<NoneDrafter>(); }},
    DrafterEntry{"copy", "what followed the longest repeated suffix of prompt and output", Exactness::kExact, false,
                 DraftNeed::kNothing, false,
                 [](const DraftExtent& extent) { return SuffixAutomaton::ReservedBytes(extent.context); },
                 [](const DrafterConfig& config) -> std::unique_ptr<Drafter> {
                   return std::make_unique<CopyDrafter>(config.proposal, config.copy);
                 }},
    DrafterEntry{
        "token-recycling", "trees from the best next tokens that earlier passes saw", Exactness::kExact, false,
        DraftNeed::kNothing, true,
        [](const DraftExtent& extent) { return extent.vocab * Adjacency::kRow * static_cast<int64_t>(sizeof(Token)); },
        [](const DrafterConfig& config) -> std::unique_ptr<Drafter> {
          return std::make_unique<TokenRecyclingDrafter>(config.proposal, config.tree);
        }},
    DrafterEntry{"window", "the model itself, reading only the start and the recent part of its cache",
                 Exactness::kExact, true, DraftNeed::kNothing, true, ModelDrafterBytes,
                 [](const DrafterConfig& config) -> std::unique_ptr<Drafter> {
                   return std::make_unique<WindowDrafter>(config.proposal, config.tree, config.window);
                 }},
    DrafterEntry{"rag", "a model that reads what retrieval found instead of the whole document", Exactness::kExact,
                 true, DraftNeed::kText, true, ModelDrafterBytes,
                 [](const DrafterConfig& config) -> std::unique_ptr<Drafter> {
                   return std::make_unique<SequenceDrafter>("rag", DraftPrompt::kRetrieved, config.proposal,
                                                            config.tree, config.rag);
                 }},
    DrafterEntry{"draft-simple", "another model (-md) that reads the target's own prompt", Exactness::kExact, true,
                 DraftNeed::kModel, true, ModelDrafterBytes,
                 [](const DrafterConfig& config) -> std::unique_ptr<Drafter> {
                   return std::make_unique<SequenceDrafter>("draft-simple", DraftPrompt::kTarget, config.proposal,
                                                            config.tree, config.rag);
                 }},
    DrafterEntry{kAuto, "whichever of those that need no other model is expected to be fastest in the round, or none",
                 Exactness::kExact, true, DraftNeed::kNothing, false,
                 [](const DraftExtent& extent) { return DrafterChoice(kAuto).MostBytes(extent); },
                 [](const DrafterConfig& config) -> std::unique_ptr<Drafter> { return MakeChoosing(kAuto, config); }},
};

}  // namespace

std::span<const DrafterEntry> Drafters() { return kDrafters; }

std::string DrafterNames() {
  std::string names;
  for (const DrafterEntry& entry : kDrafters) names += (names.empty() ? "" : ", ") + std::string(entry.name);
  return names;
}

std::string_view DrafterTypeHelp() {
  static const std::string help = fmt::format(
      "drafter: {}; none is plain decoding, auto whichever is fastest in the round, a list such as "
      "copy,window: of these",
      DrafterNames());
  return help;
}

const DrafterEntry& FindDrafter(std::string_view name) {
  std::vector<std::string> names;
  for (const DrafterEntry& entry : kDrafters) {
    if (entry.name == name) return entry;
    names.emplace_back(entry.name);
  }
  Throw(ErrorCode::kUsage, "--spec-type: there is no drafter \"{}\"; did you mean {}? Known: {}", name,
        Nearest(name, names), DrafterNames());
}

DrafterChoice::DrafterChoice(std::string_view type) {
  const bool is_list = type.find(',') != std::string_view::npos;
  chooses_ = is_list || type == kAuto;
  if (type == kAuto) {
    for (const DrafterEntry& entry : kDrafters) {
      if (entry.name != kAuto && entry.name != "none" && entry.need != DraftNeed::kModel) arms_.push_back(&entry);
    }
    return;
  }
  for (std::string_view rest = type;;) {
    const size_t comma = rest.find(',');
    const DrafterEntry& entry = FindDrafter(rest.substr(0, comma));
    if (is_list) RequireNew(type, entry.name);
    arms_.push_back(&entry);
    if (comma == std::string_view::npos) return;
    rest.remove_prefix(comma + 1);
  }
}

void DrafterChoice::RequireNew(std::string_view type, std::string_view name) const {
  const char* cure = nullptr;
  if (name == kAuto) cure = "auto alone chooses among all drafters";
  if (name == "none") cure = "plain decoding is always among the choices: leave it out";
  if (Has(name)) cure = "name it once";
  if (cure == nullptr) return;
  Throw(ErrorCode::kUsage, "--spec-type {}: expected a list of different drafters, got {}{}; {}", Printable(type), name,
        Has(name) ? " twice" : " in it", cure);
}

bool DrafterChoice::Has(std::string_view name) const {
  return std::any_of(arms_.begin(), arms_.end(), [&](const DrafterEntry* entry) { return entry->name == name; });
}

Exactness DrafterChoice::exactness() const {
  Exactness worst = Exactness::kExact;
  for (const DrafterEntry* entry : arms_) worst = std::max(worst, entry->exactness);
  return worst;
}

bool DrafterChoice::draws_own_law() const {
  return std::any_of(arms_.begin(), arms_.end(), [](const DrafterEntry* entry) { return entry->draws_own_law; });
}

bool DrafterChoice::grows_trees() const {
  return std::all_of(arms_.begin(), arms_.end(), [](const DrafterEntry* entry) { return entry->grows_trees; });
}

int64_t DrafterChoice::MostBytes(const DraftExtent& extent) const {
  int64_t sum = 0;
  for (const DrafterEntry* entry : arms_) sum += entry->most_bytes(extent);
  return sum;
}

std::unique_ptr<Drafter> MakeDrafter(const DrafterConfig& config) {
  const DrafterChoice choice(config.type);
  return choice.chooses() ? MakeChoosing(config.type, config) : choice.arms()[0]->make(config);
}

}  // namespace longshot
