// Stop strings against drafters: wherever a stop string falls, inside an accepted path, across tokens or across a code
// point, the answer is plain decoding's text cut before it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "session/answer.h"
#include "drafters/registry.h"
#include "tests/runtime/engine/table_drafter.h"
#include "tests/runtime/engine/table_target.h"
#include "tests/runtime/text/small_vocabularies.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr int64_t kTokens = 48;

/// Six tokens; 3 and 4 are the halves of one code point, 2 spans 0 and 1.
Tokenizer SmallTokenizer() {
  Vocabulary v;
  v.kind = TokenizerKind::kByteLevelBpe;
  v.pre = "gpt-2";
  v.add_space_prefix = false;
  for (const std::string& piece :
       {std::string("a"), std::string("b"), std::string("ab"), std::string(ByteCharacter(0xC3)),
        std::string(ByteCharacter(0xA9)), std::string("c")}) {
    testing_text::Add(v, piece, TokenKind::kNormal);
  }
  v.merges = {{"a", "b"}};
  return Tokenizer(std::move(v));
}

struct Setting {
  std::string drafter;  ///< a name of the registry, or "table": one that is often right
  double temperature = 1;
  int64_t max_tokens = kTokens;
  uint64_t seed = 1;
};

std::unique_ptr<Drafter> Make(const std::string& name) {
  if (name == "table") {
    return std::make_unique<TableDrafter>(
        TableDrafter::Options{.style = DraftStyle::kCoupled, .shape = {3, 2, 1, 1, 1}, .vocab = 6});
  }
  DrafterConfig config;
  config.type = name;
  config.copy.min_match = 1;
  config.window = {.recent = 8, .sink = 2, .draft_cost = 0.05};
  return MakeDrafter(config);
}

Answer Ask(const Tokenizer& tokenizer, const Setting& setting, const std::vector<std::string>& stops) {
  TableTarget target({.vocab = 6, .seed = 5, .max_context = 128});
  const auto drafter = Make(setting.drafter);
  const auto rule = MakeVerifier("coupled");
  Engine engine(&target, rule.get(), drafter.get());
  const std::vector<Token> prompt{0, 3, 4, 1, 2, 2, 5, 0, 3, 4, 1, 2};
  std::string shown;
  AnswerRequest request;
  request.prompt = prompt;
  request.sampling = {.temperature = setting.temperature, .top_k = 0, .top_p = 1.0, .min_p = 0.0};
  request.seed = setting.seed;
  request.max_tokens = setting.max_tokens;
  request.stops = stops;
  request.on_text = [&](std::string_view text) { shown += text; };
  if (setting.drafter != "none") {
    request.draft.limits.max_nodes = 12;
    request.draft.limits.max_depth = 5;
    request.draft.cost = PassCost(0.001);
  }
  Answer answer = RunAnswer(engine, tokenizer, request);
  EXPECT_EQ(answer.text, shown);
  return answer;
}

/// Bytes of `text` before the first of `stops`, or all of it.
std::string Cut(const std::string& text, const std::string& stop) { return text.substr(0, text.find(stop)); }

std::vector<std::string> DrafterNames() {
  std::vector<std::string> names{"table"};
  for (const DrafterEntry& entry : Drafters()) names.emplace_back(entry.name);
  return names;
}

TEST(StopStrings, EveryDrafterEndsWherePlainDecodingDoes) {
  const Tokenizer tokenizer = SmallTokenizer();
  std::mt19937 random(3);
  int inside_path = 0, across_code_point = 0;
  for (double temperature : {0.0, 1.0}) {
    for (uint64_t seed = 0; seed < 6; ++seed) {
      const std::string whole = Ask(tokenizer, {"none", temperature, kTokens, seed}, {}).text;
      ASSERT_GE(whole.size(), 40u);
      for (int i = 0; i < 12; ++i) {
        const std::string stop = i == 0 ? "\u00e9" : whole.substr(random() % 36, 1 + random() % 6);
        SCOPED_TRACE(fmt::format("stop {:?} of {:?}", stop, whole));
        const Answer plain = Ask(tokenizer, {"none", temperature, kTokens, seed}, {stop});
        EXPECT_EQ(Cut(whole, stop), plain.text);
        for (const std::string& drafter : DrafterNames()) {
          const Answer answer = Ask(tokenizer, {drafter, temperature, kTokens, seed}, {"never", stop});
          EXPECT_EQ(plain.text, answer.text) << drafter;
          EXPECT_EQ(plain.result.tokens, answer.result.tokens) << drafter << ": the stop ends the generation at once";
          EXPECT_EQ(plain.result.stop, answer.result.stop) << drafter;
          const GenerationMetrics& metrics = answer.result.metrics;
          inside_path += metrics.num_accepted_tokens > 0 && plain.result.stop == StopReason::kStopString;
        }
        across_code_point += stop == "\u00e9" && plain.result.stop == StopReason::kStopString;
      }
    }
  }
  EXPECT_GE(inside_path, 100);
  EXPECT_GE(across_code_point, 2);
}

/// The length limit may cut a code point: its first byte comes out at the end, and may complete a stop string there.
TEST(StopStrings, AStopInTheLastHeldBytesIsAStop) {
  const Tokenizer tokenizer = SmallTokenizer();
  const auto ends_in_half = [&](const Answer& answer) { return answer.result.tokens.back() == 3; };
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Setting setting{"table", 1, 3, seed};
    const Answer whole = Ask(tokenizer, setting, {});
    if (!ends_in_half(whole) || whole.text.find('\xC3') != whole.text.size() - 1) continue;
    const Answer answer = Ask(tokenizer, setting, {"\xC3"});
    EXPECT_EQ(whole.text.substr(0, whole.text.size() - 1), answer.text);
    EXPECT_EQ(StopReason::kLength, whole.result.stop);
    EXPECT_EQ(StopReason::kStopString, answer.result.stop);
    return;
  }
  FAIL() << "no answer ends in half a code point";
}

}  // namespace
}  // namespace longshot
