#include "tasks/made_text.h"

#include <fmt/format.h>

#include <array>

namespace longshot {
namespace {

using std::string_view;

constexpr std::array<string_view, 40> kPeople = {
    "the harbour master", "a young surveyor",      "the night porter",    "her former teacher",
    "the committee",      "an old gardener",       "the second engineer", "a travelling nurse",
    "the town clerk",     "his neighbour",         "the ferry captain",   "a retired judge",
    "the kitchen staff",  "our librarian",         "the bell ringer",     "a stranger in green",
    "the weaver's son",   "the chief inspector",   "a visiting botanist", "the watchmaker",
    "the choir",          "an impatient customer", "the stable hand",     "the archivist",
    "a tired postman",    "the younger sister",    "the mine's foreman",  "a careful printer",
    "the signal woman",   "the baker next door",   "a distant cousin",    "the school inspector",
    "the bridge keeper",  "a quiet lodger",        "the estate agent",    "the lamp lighter",
    "an honest broker",   "the weather observer",  "the new tenant",      "the last passenger"};
constexpr std::array<string_view, 40> kDeeds = {
    "counted the empty crates",   "repaired the western fence", "forgot the second invoice",
    "opened every window",        "waited for the early train", "painted the shutters again",
    "sold three dry barrels",     "wrote a long complaint",     "measured the flooded cellar",
    "carried the maps upstairs",  "refused the lower offer",    "found a brass button",
    "copied the list of names",   "closed the narrow gate",     "borrowed a longer ladder",
    "tasted the bitter tea",      "answered without a smile",   "moved the heavy cupboard",
    "missed the monthly meeting", "swept the marble stairs",    "planted a row of beans",
    "returned the wrong parcel",  "listened at the door",       "tuned the cracked piano",
    "ordered more lamp oil",      "followed the muddy path",    "signed the visitors' book",
    "burned the old receipts",    "hid behind the curtain",     "praised the plain cooking",
    "drew a map of the marsh",    "lost a leather glove",       "fed the stubborn mule",
    "learned the rules by heart", "doubted the whole story",    "weighed the letters twice",
    "polished the copper bowls",  "argued about the rent",      "slept through the storm",
    "kept the smallest key"};
constexpr std::array<string_view, 30> kTimes = {
    "on the first cold morning", "after the market closed",    "during the long recess",
    "before anyone noticed",     "in the autumn of that year", "shortly after noon",
    "while it rained",           "at the end of the shift",    "two days later",
    "against all advice",        "for the third time",         "with some reluctance",
    "as the lights went out",    "to everyone's surprise",     "under the broken clock",
    "without a single word",     "in front of the chapel",     "on the way home",
    "near the upper lock",       "for no clear reason",        "by the light of a candle",
    "at a quarter past six",     "between two appointments",   "on the northern road",
    "behind the old mill",       "in the middle of a speech",  "after a short silence",
    "in spite of the noise",     "when the tide turned",       "just outside the station"};
constexpr std::array<string_view, 12> kLinks = {"and", "because", "although", "while",  "before", "so",
                                                "but", "until",   "after",    "unless", "where",  "as soon as"};
constexpr std::array<string_view, 48> kNames = {
    "amber",   "basalt", "cedar",  "dahlia", "ember",   "falcon", "garnet", "heron",  "indigo",  "jasper",
    "kestrel", "lilac",  "marlin", "nutmeg", "onyx",    "poppy",  "quartz", "raven",  "saffron", "thistle",
    "umber",   "violet", "walnut", "yarrow", "zephyr",  "acacia", "birch",  "cobalt", "dogwood", "elder",
    "fennel",  "ginger", "hazel",  "iris",   "juniper", "koala",  "lotus",  "magnet", "nectar",  "otter",
    "pebble",  "quince", "rowan",  "sable",  "teal",    "urchin", "velvet", "willow"};

std::string Capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string Clause(TaskDraws& draws) {
  const string_view who = draws.Of<string_view>(kPeople), did = draws.Of<string_view>(kDeeds);
  return fmt::format("{} {} {}", who, did, draws.Of<string_view>(kTimes));
}

}  // namespace

std::string MadeSentence(TaskDraws& draws) {
  std::string sentence = Capital(Clause(draws));
  if (draws.Below(3) != 0) {
    const string_view link = draws.Of<string_view>(kLinks);
    sentence += fmt::format(" {} {}", link, Clause(draws));
  }
  sentence += ".";
  return sentence;
}

std::vector<std::string> MadeSentences(TaskDraws& draws, int64_t tokens,
                                       const std::function<int64_t(string_view)>& count_tokens) {
  std::vector<std::string> sentences;
  for (int64_t made = 0; made < tokens;) {
    sentences.push_back(MadeSentence(draws));
    made += count_tokens(sentences.back() + " ");
  }
  return sentences;
}

std::string Paragraphs(const std::vector<std::string>& sentences) {
  constexpr size_t kOfParagraph = 6;
  std::string text;
  for (size_t i = 0; i < sentences.size(); ++i) {
    text += sentences[i];
    text += i + 1 == sentences.size() ? "\n" : (i + 1) % kOfParagraph == 0 ? "\n\n" : " ";
  }
  return text;
}

string_view MadeName(TaskDraws& draws) { return draws.Of<string_view>(kNames); }

std::string MadeNumber(TaskDraws& draws, int digits) {
  std::string number(1, static_cast<char>('1' + draws.Below(9)));
  while (std::ssize(number) < digits) number += static_cast<char>('0' + draws.Below(10));
  return number;
}

}  // namespace longshot
