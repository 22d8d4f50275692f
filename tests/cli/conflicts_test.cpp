// Flags that contradict each other, contexts a model cannot read, and contexts that memory cannot hold.
#include <gtest/gtest.h>

#include "cli/demo_table.h"
#include "session/fit_context.h"
#include "session/option_conflicts.h"
#include "session/session.h"
#include "core/error.h"
#include "tests/runtime/model/model_bytes.h"

namespace longshot {
namespace {

GenerateOptions With(const std::string& type) {
  GenerateOptions options;
  options.drafter.type = type;
  return options;
}
std::string Conflict(const GenerateOptions& options) {
  return ErrorText([&] { RequireConsistent(options); });
}

TEST(OptionConflicts, DefaultsOfEveryDrafterAreFine) {
  for (const DrafterEntry& entry : Drafters()) EXPECT_EQ(Conflict(With(std::string(entry.name))), "no error");
}

TEST(OptionConflicts, ListsAndOtherVersionsDrafters) {
  EXPECT_EQ(Conflict(With("copy,window")), "no error");
  EXPECT_EQ(Conflict(With("early-exit")),
            "--spec-type early-exit: it is not supported by this version; name one of none, copy, token-recycling, "
            "window, rag, draft-simple, auto");
  EXPECT_NE(Conflict(With("copy,coppy")).find("did you mean copy?"), std::string::npos);
  EXPECT_NE(Conflict(With("coppy")).find("did you mean copy?"), std::string::npos);
}

TEST(OptionConflicts, SettingsOfAnotherDrafter) {
  GenerateOptions options = With("copy");
  options.drafter.tree.shape = "4,4";
  EXPECT_EQ(Conflict(options),
            "--spec-tree-shape has no effect on --spec-type copy: leave it out, or use --spec-type "
            "token-recycling");
  options.drafter.type = "token-recycling";
  EXPECT_EQ(Conflict(options), "no error");
  options.drafter.type = "none";
  EXPECT_EQ(Conflict(options), "no error") << "the baseline keeps the other's flags";
  options.drafter.type = "auto";
  EXPECT_EQ(Conflict(options), "no error") << "token-recycling is among its choices";
  options = With("token-recycling");
  options.drafter.window.recent += 1;
  EXPECT_EQ(Conflict(options),
            "--spec-draft-window has no effect on --spec-type token-recycling: leave it out, or use "
            "--spec-type window");
}

TEST(OptionConflicts, GreedyVerificationNeedsGreedySampling) {
  GenerateOptions options;
  options.answer.verify = "greedy";
  EXPECT_EQ(Conflict(options),
            "--spec-verify greedy takes the best token whatever the temperature, which is 0.8: add --temp 0, "
            "or use "
            "--spec-verify coupled");
  options.sampling.temperature = 0;
  EXPECT_EQ(Conflict(options), "no error");
}

TEST(SlidingWindow, IsTheContextThatCanBeRead) {
  ModelConfig config;
  config.context = 8192;
  config.sliding_window = 1000;
  EXPECT_EQ(ResolveContext(config, 0, 100, -1), 1000);
  EXPECT_EQ(ResolveContext(config, 1000, 100, 200), 1000);
  EXPECT_EQ(ErrorText([&] { ResolveContext(config, 1001, 100, 200); }),
            "-c 1001: the model attends to a sliding window of 1000 tokens, which this build reads as full "
            "attention; "
            "ask for no more than that");
  EXPECT_NE(
      ErrorText([&] { ResolveContext(config, 0, 990, 1100); }).find("needs 1100 tokens (990 of prompt): the model"),
      std::string::npos);
  EXPECT_NE(ErrorText([&] { RequireContext(config, 1024, "-d 1000"); }).find("-d 1000: the model attends"),
            std::string::npos);
}

TEST(LargestContext, IsTheLastThatFits) {
  const auto bytes = [](int64_t context) { return 1000 + 10 * context; };
  EXPECT_EQ(LargestContext(5, 100, 2000, bytes), 100);
  EXPECT_EQ(LargestContext(5, 101, 2000, bytes), 100);
  EXPECT_EQ(LargestContext(5, 1 << 30, 2009, bytes), 100);
  EXPECT_EQ(LargestContext(5, 1 << 30, 100, bytes), 5);
}

TEST(DemoTable, ADrafterThatNeverProposedFails) {
  std::vector<DemoLine> lines{{.task = "a", .drafter = "none"},
                              {.task = "a", .drafter = "copy"},
                              {.task = "b", .drafter = "copy", .proposed = true}};
  EXPECT_EQ(ErrorText([&] { RequireProposals(lines); }), "no error");
  lines[2].proposed = false;
  EXPECT_NE(ErrorText([&] { RequireProposals(lines); }).find("copy proposed no token in any run"), std::string::npos);
  lines[1].drafter = lines[2].drafter = "auto";
  EXPECT_EQ(ErrorText([&] { RequireProposals(lines); }), "no error") << "auto may decode plainly";
}

}  // namespace
}  // namespace longshot
