#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drafters/copy/copy.h"
#include "drafters/proposal_config.h"
#include "drafters/rag/sequence_drafter.h"
#include "drafters/window/window.h"
#include "retrieval/retrieval_config.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// The names of all drafters, separated by commas.
std::string DrafterNames();
/// What --spec-type takes.
std::string_view DrafterTypeHelp();

/// Which drafter, and the settings of all of them.
struct DrafterConfig {
  std::string type = "auto";
  ProposalConfig proposal;
  TreeConfig tree;
  CopyConfig copy;
  WindowConfig window;
  RagConfig rag;
  RetrievalConfig retrieval;  ///< of the text that `rag` reads

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "method", .flags = "--spec-type", .help = DrafterTypeHelp()}, self.type);
    ProposalConfig::VisitFields(self.proposal, visit);
    TreeConfig::VisitFields(self.tree, visit);
    CopyConfig::VisitFields(self.copy, visit);
    WindowConfig::VisitFields(self.window, visit);
    RagConfig::VisitFields(self.rag, visit);
    RetrievalConfig::VisitFields(self.retrieval, visit);
  }
};

/// What a drafter's memory depends on, known before anything is allocated.
struct DraftExtent {
  int64_t context = 0;  ///< tokens of prompt and answer
  int64_t vocab = 0;
};

/// What a drafter has to be given to propose anything.
enum class DraftNeed : uint8_t { kNothing, kText, kModel };

/// One drafter that can be chosen by name.
struct DrafterEntry {
  std::string_view name;
  std::string_view help;  ///< one line
  Exactness exactness;    ///< of the output under an exact rule
  bool draws_own_law;     ///< its tokens come from a law, so that it profits from coupling
  DraftNeed need;
  bool grows_trees;                                  ///< its proposals branch, unless `TreeConfig::mode` is off
  int64_t (*most_bytes)(const DraftExtent& extent);  ///< what it may come to hold beside the target's memory
  std::unique_ptr<Drafter> (*make)(const DrafterConfig& config);
};

/// Every drafter; `none` first.
std::span<const DrafterEntry> Drafters();

/// Errors: kUsage for a name that is not in the table; tells the nearest one and all of them.
const DrafterEntry& FindDrafter(std::string_view name);

/// What `DrafterConfig::type` may be: a name of the table, or several that stand for the fastest of them in each
/// round. `auto` stands for all but `none` and those that need another model.
class DrafterChoice {
 public:
  /// Errors: kUsage for a name that is not in the table, and for a list that names one twice, `none` or `auto`.
  explicit DrafterChoice(std::string_view type);

  /// The drafters that may propose: one, or those to choose from. Never `auto`.
  std::span<const DrafterEntry* const> arms() const { return arms_; }
  /// Whether a controller chooses among the arms: `auto` and lists.
  bool chooses() const { return chooses_; }
  bool Has(std::string_view name) const;
  Exactness exactness() const;  ///< the worst of the arms
  bool draws_own_law() const;   ///< of some arm
  bool grows_trees() const;     ///< of every arm
  int64_t MostBytes(const DraftExtent& extent) const;

 private:
  /// Errors: kUsage when a list that has the arms so far may not go on with `name`.
  void RequireNew(std::string_view type, std::string_view name) const;

  std::vector<const DrafterEntry*> arms_;
  bool chooses_ = false;
};

/// The drafter that `config.type` names. Errors: those of `DrafterChoice`; kUsage for a malformed tree shape.
std::unique_ptr<Drafter> MakeDrafter(const DrafterConfig& config);

}  // namespace longshot
