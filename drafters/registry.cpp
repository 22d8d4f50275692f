#include "drafters/registry.h"

#include <array>
#include <vector>

#include "core/error.h"
#include "drafters/none/none.h"
#include "drafters/token_recycling/token_recycling.h"
#include "runtime/config/nearest.h"

namespace longshot {
namespace {

constexpr std::array kDrafters = {
    DrafterEntry{"none", "plain decoding: proposes nothing", Exactness::kExact, false, false,
                 [](const DraftExtent&) { return int64_t{0}; },
                 [](const DrafterConfig&) -> std::unique_ptr<Drafter> { return std::make_unique<NoneDrafter>(); }},
    DrafterEntry{"copy", "what followed the longest repeated suffix of prompt and output", Exactness::kExact, false,
                 false, [](const DraftExtent& extent) { return SuffixAutomaton::ReservedBytes(extent.context); },
                 [](const DrafterConfig& config) -> std::unique_ptr<Drafter> {
                   return std::make_unique<CopyDrafter>(config.proposal, config.copy);
                 }},
    DrafterEntry{
        "token-recycling", "trees from the best next tokens that earlier passes saw", Exactness::kExact, false, true,
        [](const DraftExtent& extent) { return extent.vocab * Adjacency::kRow * static_cast<int64_t>(sizeof(Token)); },
        [](const DrafterConfig& config) -> std::unique_ptr<Drafter> {
          return std::make_unique<TokenRecyclingDrafter>(config.proposal, config.tree);
        }},
    DrafterEntry{"window", "the model itself, reading only the start and the recent part of its cache",
                 Exactness::kExact, true, false,
                 [](const DraftExtent& extent) { return extent.vocab * WindowDrafter::kBytesPerToken; },
                 [](const DrafterConfig& config) -> std::unique_ptr<Drafter> {
                   return std::make_unique<WindowDrafter>(config.proposal, config.window);
                 }},
};

}  // namespace

std::span<const DrafterEntry> Drafters() { return kDrafters; }

const DrafterEntry& FindDrafter(std::string_view name) {
  std::vector<std::string> names;
  std::string list;
  for (const DrafterEntry& entry : kDrafters) {
    if (entry.name == name) return entry;
    names.emplace_back(entry.name);
    list += (list.empty() ? "" : ", ") + names.back();
  }
  Throw(ErrorCode::kUsage, "--spec-type: there is no drafter \"{}\"; did you mean {}? Known: {}", name,
        Nearest(name, names), list);
}

std::unique_ptr<Drafter> MakeDrafter(const DrafterConfig& config) { return FindDrafter(config.type).make(config); }

}  // namespace longshot
