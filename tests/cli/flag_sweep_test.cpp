// labels: unit
// Pairs of flags through the binary on a tiny checkpoint: drafter, pass size, length and proposal size in every pair.
// Each run ends well and says what plain decoding says.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

/// A random decoder with a byte-level tokenizer: 256 bytes and 64 pairs, so that every id has text.
void WriteCheckpoint(const TemporaryFolder& folder) {
  for (const fs::directory_entry& file : fs::directory_iterator(LONGSHOT_SOURCE_DIR "/tests/golden/tiny/qwen2")) {
    fs::copy_file(file.path(), folder / file.path().filename().string());
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (int i = 0; i < 64; ++i) pairs.push_back({std::string(1, 'A' + i / 8), std::string(1, 'A' + i % 8)});
  folder.Write("tokenizer.json", testing_text::ToTokenizerJson(testing_text::ByteLevel("gpt-2", pairs)).dump());
}

class FlagSweep : public testing::Test {
 protected:
  void SetUp() override { WriteCheckpoint(folder_); }

  Outcome Run(const std::string& drafter, const std::string& pass_rows, const std::string& length,
              std::vector<std::string> more) {
    std::vector<std::string> arguments{
        "generate", "-m", folder_.path(), "--chat-template", "raw",   "-p",  prompt_,   "-t", "1",
        "-s",       "3",  "--ignore-eos", "--spec-type",     drafter, "-ub", pass_rows, "-n", length};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunLongshot(arguments);
  }

  TemporaryFolder folder_;
  /// Longer than a pass of 64 rows, with repeats for the drafters that look things up.
  std::string prompt_ = "one two three, one two three, one two four; abc abc abc abc abc abc abc abc abc";
};

TEST_F(FlagSweep, EveryPairOfFlagsGivesThePlainText) {
  const std::vector<std::string> drafters{"copy", "token-recycling", "window"}, pass_rows{"1", "63", "64", "512"},
      lengths{"0", "1", "2", "5"}, proposals{"", "1", "16", "63"};
  std::map<std::string, std::string> plain;
  for (const std::string& length : lengths) {
    const Outcome outcome = Run("none", "512", length, {"--temp", "1.5"});
    ASSERT_EQ(0, outcome.status) << outcome.err;
    plain[length] = outcome.out;
    EXPECT_EQ(length == "0", outcome.out.empty());
  }
  // The sum of three indices picks the fourth: every pair of values meets, in a quarter of all combinations.
  for (size_t d = 0; d < drafters.size(); ++d) {
    for (size_t rows = 0; rows < pass_rows.size(); ++rows) {
      for (size_t length = 0; length < lengths.size(); ++length) {
        const std::string& proposal = proposals[(d + rows + length) % proposals.size()];
        std::vector<std::string> more{"--temp", "1.5"};
        if (!proposal.empty()) more.insert(more.end(), {"--spec-draft-n-max", proposal});
        SCOPED_TRACE(fmt::format("{} -ub {} -n {} --spec-draft-n-max {}", drafters[d], pass_rows[rows], lengths[length],
                                 proposal.empty() ? "unset" : proposal));
        const Outcome outcome = Run(drafters[d], pass_rows[rows], lengths[length], more);
        EXPECT_EQ(0, outcome.status) << outcome.err;
        EXPECT_EQ(plain[lengths[length]], outcome.out);
      }
    }
  }
}

TEST_F(FlagSweep, LongerAnswersWithRoomToSpare) {
  for (const auto& [rule, temperature] : {std::pair{"coupled", "1.5"}, {"greedy", "0"}, {"rejection", "0"}}) {
    const std::vector<std::string> flags{"-c", "250", "--spec-verify", rule, "--temp", temperature};
    const Outcome plain = Run("none", "512", "40", flags);
    ASSERT_EQ(0, plain.status) << plain.err;
    for (const char* drafter : {"copy", "token-recycling", "window"}) {
      std::vector<std::string> more = flags;
      more.insert(more.end(), {"--spec-draft-n-max", "12"});
      const Outcome outcome = Run(drafter, "16", "40", more);
      EXPECT_EQ(0, outcome.status) << outcome.err;
      EXPECT_EQ(plain.out, outcome.out) << drafter << " under " << rule;
    }
  }
}

}  // namespace
}  // namespace longshot
