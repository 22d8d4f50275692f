// labels: unit
#include "retrieval/words.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace longshot {
namespace {

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  ForEachWord(text, [&](const std::string& word) { words.push_back(word); });
  return words;
}

using List = std::vector<std::string>;

TEST(ForEachWord, CutsAtEverythingButLettersAndDigits) {
  EXPECT_EQ(Words("The ship's 2nd-best crew, 1,250 men (all told)."),
            (List{"the", "ship", "s", "2nd", "best", "crew", "1", "250", "men", "all", "told"}));
  EXPECT_EQ(Words(""), List{});
  EXPECT_EQ(Words(" \t\n--...!"), List{});
  EXPECT_EQ(Words("\xe2\x80\x9cquoted\xe2\x80\x9d \xe2\x80\x94 \xc2\xabso\xc2\xbb\xe2\x80\xa6"),
            (List{"quoted", "so"}));
}

TEST(ForEachWord, FoldsCasesBeyondAscii) {
  EXPECT_EQ(Words("\xc3\x9c"
                  "BER \xc3\x89T\xc3\x89"),
            (List{"\xc3\xbc"
                  "ber",
                  "\xc3\xa9t\xc3\xa9"}));
  EXPECT_EQ(Words("\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\x90"),
            List{"\xd0\xbc\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0"});
  EXPECT_EQ(Words("\xce\x9b\xcf\x8c\xce\xb3\xce\xbf\xcf\x82"), List{"\xce\xbb\xcf\x8c\xce\xb3\xce\xbf\xcf\x83"});
  EXPECT_EQ(Words("\xc5\xa0\xc5\x81\xc5\xb9"), List{"\xc5\xa1\xc5\x82\xc5\xba"});
  EXPECT_EQ(Words("\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\x91"), List{"ab1"});  // fullwidth
}

TEST(ForEachWord, ScriptsWithoutSpacesGiveOneWordACharacter) {
  EXPECT_EQ(Words("\xe6\x9d\xb1\xe4\xba\xac\xe3\x80\x82GPU\xe3\x81\xa8"),
            (List{"\xe6\x9d\xb1", "\xe4\xba\xac", "gpu", "\xe3\x81\xa8"}));
  EXPECT_EQ(Words("\xed\x95\x9c\xea\xb5\xad \xec\x96\xb4"), (List{"\xed\x95\x9c\xea\xb5\xad", "\xec\x96\xb4"}));
}

TEST(ForEachWord, BytesOutsideUtf8Separate) {
  EXPECT_EQ(Words("ab\xff"
                  "cd\xc3"),
            (List{"ab", "cd"}));
  EXPECT_EQ(Words(std::string("x\0y", 3)), (List{"x", "y"}));
}

TEST(IsStopWord, KnowsFunctionWordsOnly) {
  for (const char* word : {"a", "the", "which", "did", "your", "s"}) EXPECT_TRUE(IsStopWord(word)) << word;
  for (const char* word : {"boat", "ab", "", "zebra", "thes"}) EXPECT_FALSE(IsStopWord(word)) << word;
}

/// The examples of Porter's paper, step by step.
TEST(Stem, FollowsPortersExamples) {
  const std::vector<std::pair<const char*, const char*>> cases = {{"caresses", "caress"},
                                                                  {"ponies", "poni"},
                                                                  {"ties", "ti"},
                                                                  {"caress", "caress"},
                                                                  {"cats", "cat"},
                                                                  {"feed", "feed"},
                                                                  {"agreed", "agre"},
                                                                  {"plastered", "plaster"},
                                                                  {"bled", "bled"},
                                                                  {"motoring", "motor"},
                                                                  {"sing", "sing"},
                                                                  {"conflated", "conflat"},
                                                                  {"troubled", "troubl"},
                                                                  {"sized", "size"},
                                                                  {"hopping", "hop"},
                                                                  {"tanned", "tan"},
                                                                  {"falling", "fall"},
                                                                  {"hissing", "hiss"},
                                                                  {"fizzed", "fizz"},
                                                                  {"failing", "fail"},
                                                                  {"filing", "file"},
                                                                  {"happy", "happi"},
                                                                  {"sky", "sky"},
                                                                  {"relational", "relat"},
                                                                  {"conditional", "condit"},
                                                                  {"rational", "ration"},
                                                                  {"valenci", "valenc"},
                                                                  {"digitizer", "digit"},
                                                                  {"radicalli", "radic"},
                                                                  {"differentli", "differ"},
                                                                  {"vileli", "vile"},
                                                                  {"analogousli", "analog"},
                                                                  {"vietnamization", "vietnam"},
                                                                  {"predication", "predic"},
                                                                  {"operator", "oper"},
                                                                  {"feudalism", "feudal"},
                                                                  {"decisiveness", "decis"},
                                                                  {"hopefulness", "hope"},
                                                                  {"callousness", "callous"},
                                                                  {"formaliti", "formal"},
                                                                  {"sensitiviti", "sensit"},
                                                                  {"sensibiliti", "sensibl"},
                                                                  {"triplicate", "triplic"},
                                                                  {"formative", "form"},
                                                                  {"formalize", "formal"},
                                                                  {"electriciti", "electr"},
                                                                  {"electrical", "electr"},
                                                                  {"hopeful", "hope"},
                                                                  {"goodness", "good"},
                                                                  {"revival", "reviv"},
                                                                  {"allowance", "allow"},
                                                                  {"inference", "infer"},
                                                                  {"airliner", "airlin"},
                                                                  {"gyroscopic", "gyroscop"},
                                                                  {"adjustable", "adjust"},
                                                                  {"defensible", "defens"},
                                                                  {"irritant", "irrit"},
                                                                  {"replacement", "replac"},
                                                                  {"adjustment", "adjust"},
                                                                  {"dependent", "depend"},
                                                                  {"adoption", "adopt"},
                                                                  {"homologou", "homolog"},
                                                                  {"communism", "commun"},
                                                                  {"activate", "activ"},
                                                                  {"angulariti", "angular"},
                                                                  {"homologous", "homolog"},
                                                                  {"effective", "effect"},
                                                                  {"bowdlerize", "bowdler"},
                                                                  {"probate", "probat"},
                                                                  {"rate", "rate"},
                                                                  {"cease", "ceas"},
                                                                  {"controll", "control"},
                                                                  {"roll", "roll"},
                                                                  {"generalizations", "gener"},
                                                                  {"oscillators", "oscil"}};
  for (const auto& [word, stem] : cases) EXPECT_EQ(Stem(word), stem) << word;
}

TEST(Stem, LeavesAloneWhatIsNoEnglishWord) {
  for (const std::string word : {"", "is", "as", "2nds", "r2d2ing", "caf\xc3\xa9s"}) EXPECT_EQ(Stem(word), word);
  const std::string longest(40, 'y'), too_long = std::string(100'000, 'y') + "s";
  EXPECT_EQ(Stem(longest).size(), 40u);
  EXPECT_EQ(Stem(too_long), too_long);
}

}  // namespace
}  // namespace longshot
