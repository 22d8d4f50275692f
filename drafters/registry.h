#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "drafters/copy/copy.h"
#include "drafters/proposal_config.h"
#include "drafters/window/window.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// Which drafter, and the settings of all of them.
struct DrafterConfig {
  std::string type = "copy";
  ProposalConfig proposal;
  TreeConfig tree;
  CopyConfig copy;
  WindowConfig window;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "method",
                .flags = "--spec-type",
                .help = "drafter: none, copy, token-recycling or window; none is plain decoding"},
          self.type);
    ProposalConfig::VisitFields(self.proposal, visit);
    TreeConfig::VisitFields(self.tree, visit);
    CopyConfig::VisitFields(self.copy, visit);
    WindowConfig::VisitFields(self.window, visit);
  }
};

/// What a drafter's memory depends on, known before anything is allocated.
struct DraftExtent {
  int64_t context = 0;  ///< tokens of prompt and answer
  int64_t vocab = 0;
};

/// One drafter that can be chosen by name.
struct DrafterEntry {
  std::string_view name;
  std::string_view help;                             ///< one line
  Exactness exactness;                               ///< of the output under an exact rule
  bool draws_own_law;                                ///< its tokens come from a law, so that it profits from coupling
  bool grows_trees;                                  ///< its proposals branch, unless `TreeConfig::mode` is off
  int64_t (*most_bytes)(const DraftExtent& extent);  ///< what it may come to hold beside the target's memory
  std::unique_ptr<Drafter> (*make)(const DrafterConfig& config);
};

/// Every drafter; `none` first.
std::span<const DrafterEntry> Drafters();

/// Errors: kUsage for a name that is not in the table; tells the nearest one and all of them.
const DrafterEntry& FindDrafter(std::string_view name);

/// The drafter that `config.type` names. Errors: kUsage for an unknown type or a malformed tree shape.
std::unique_ptr<Drafter> MakeDrafter(const DrafterConfig& config);

}  // namespace longshot
