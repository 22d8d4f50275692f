#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/field.h"

namespace longshot {

/// What limits a proposal of any drafter.
struct ProposalConfig {
  int64_t n_max = 0;  ///< 0: from the measured cost of verification
  int64_t n_min = 0;
  double p_min = 0.0;
  int64_t max_depth = 0;       ///< 0: as n_max, or measured with it
  std::string pass_cost = "";  ///< as `PassCost::Parse` reads it; empty: measured

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "num_speculative_tokens",
                .flags = "--spec-draft-n-max",
                .aliases = {"--draft", "--draft-max"},
                .minimum = 0,
                .maximum = 4096,
                .unit = "tokens",
                .help = "most tokens one proposal holds; 0: from the measured cost of verification"},
          self.n_max);
    visit(Field{.name = "draft_n_min",
                .flags = "--spec-draft-n-min",
                .aliases = {"--draft-min"},
                .minimum = 0,
                .maximum = 4096,
                .unit = "tokens",
                .help = "proposals with fewer tokens are not made (a chain that was begun goes on until then)"},
          self.n_min);
    visit(Field{.name = "draft_p_min",
                .flags = "--spec-draft-p-min",
                .aliases = {"--draft-p-min"},
                .minimum = 0,
                .maximum = 1,
                .help = "tokens whose estimated acceptance is lower are not proposed"},
          self.p_min);
    visit(Field{.name = "draft_max_depth",
                .flags = "--spec-draft-depth",
                .minimum = 0,
                .maximum = 4096,
                .unit = "tokens",
                .help = "longest path of a proposal; 0: with --spec-draft-n-max that many, else measured"},
          self.max_depth);
    visit(Field{.name = "draft_pass_cost",
                .flags = "--spec-draft-pass-cost",
                .unit = "ROWS:COST,...",
                .help = "time of a pass by its rows, in single-row passes, by which proposals are sized, such as "
                        "2:1.03,8:1.3; empty: measured behind the first token"},
          self.pass_cost);
  }
};

/// The form of a proposed tree.
struct TreeConfig {
  std::string mode = "auto";
  std::string shape = "";
  int64_t topk = 8;
  int64_t budget = 0;  ///< 0: no limit of its own

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "tree",
                .flags = "--spec-tree",
                .choices = {"auto", "off"},
                .help = "auto: as wide as pays; off: chains only"},
          self.mode);
    visit(Field{.name = "tree_shape",
                .flags = "--spec-tree-shape",
                .aliases = {"--tree-shape"},
                .unit = "nodes per level",
                .help = "fixed level sizes such as 4,16,16,16,16; empty: as many as pay"},
          self.shape);
    visit(Field{.name = "tree_topk",
                .flags = "--spec-tree-topk",
                .minimum = 1,
                .maximum = 64,
                .help = "most children of a node"},
          self.topk);
    visit(Field{.name = "tree_budget",
                .flags = "--spec-tree-budget",
                .minimum = 0,
                .maximum = 4096,
                .unit = "nodes",
                .help = "most nodes of a tree; 0: as many as a proposal may hold"},
          self.budget);
  }
};

/// Level sizes of `TreeConfig::shape`, level 1 first; empty for an empty string.
/// Errors: kUsage when it is not a list of numbers in [1, 4096].
std::vector<int64_t> ParseTreeShape(std::string_view shape);

/// Nodes and depth that one proposal may reach.
struct ProposalLimits {
  int64_t nodes = 0;
  int64_t depth = 0;
};

}  // namespace longshot
