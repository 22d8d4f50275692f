#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace longshot {

/// Sentences about towns, people and things that no question is about: a few dozen frames whose gaps are filled by
/// draws from `seed`, a few hundred thousand different ones.
class FillerText {
 public:
  explicit FillerText(uint64_t seed) : seed_(seed) {}

  std::string Sentence() {
    std::string sentence(Pick(kFrames));
    for (size_t at; (at = sentence.find('{')) != std::string::npos;) {
      const size_t end = sentence.find('}', at);
      sentence.replace(at, end + 1 - at, Gap(sentence.substr(at + 1, end - at - 1)));
    }
    return sentence;
  }
  std::string Paragraph() {
    std::string paragraph;
    for (int64_t left = 4 + Below(4); left > 0; --left) paragraph += Sentence() + (left > 1 ? " " : "");
    return paragraph;
  }
  /// A whole number from 0 to `bound` - 1.
  int64_t Below(int64_t bound) {
    const double u = Uniform({.seed = seed_, .round = draws_++, .purpose = DrawPurpose::kTest});
    return static_cast<int64_t>(u * static_cast<double>(bound));
  }

 private:
  using List = std::vector<std::string_view>;

  std::string_view Pick(const List& list) { return list[static_cast<size_t>(Below(std::ssize(list)))]; }
  std::string Gap(std::string_view kind) {
    if (kind == "person") return std::string(Pick(kFirstNames)) + " " + std::string(Pick(kLastNames));
    if (kind == "number") return std::to_string(2 + Below(400));
    if (kind == "year") return std::to_string(1820 + Below(170));
    return std::string(Pick(kind == "town"    ? kTowns
                            : kind == "thing" ? kThings
                            : kind == "trait" ? kTraits
                            : kind == "time"  ? kTimes
                                              : kGoods));
  }

  static const List kFrames, kFirstNames, kLastNames, kTowns, kThings, kTraits, kTimes, kGoods;

  uint64_t seed_;
  uint32_t draws_ = 0;
};

inline const FillerText::List FillerText::kFrames = {
    "In {town} the market opened late {time}, and {person} sold {number} baskets of {goods}.",
    "{person} wrote from {town} that the {thing} looked {trait} in the evening light.",
    "The road from {town} to {town} was mended in {year} with stones from the river.",
    "Nobody in {town} knew why the {thing} had been left behind {time}.",
    "{person} counted {number} sacks of {goods} and signed the list.",
    "The council of {town} spoke about the {thing} for two hours and decided nothing.",
    "According to {person}, the winter of {year} was the {trait} one in living memory.",
    "A {trait} {thing} stood in the square of {town} until {year}.",
    "{person} and {person} met {time} to compare the prices of {goods}.",
    "The school of {town} had {number} desks and one {trait} {thing}.",
    "Rain fell on {town} for {number} days, and the {goods} had to be dried indoors.",
    "{person} lent the {thing} to {person}, who never returned it.",
    "The register of {town} lists {number} households for the year {year}.",
    "Every summer {person} walked to {town} with a {trait} {thing} on a cart.",
    "The railway to {town} was surveyed in {year} and given up again.",
    "{person} painted the shutters white and planted beans along the fence.",
    "A letter from {person} mentions {goods}, a {trait} {thing} and little else.",
    "The mill near {town} ground {number} tons in {year}, most of it {goods}.",
    "In the opinion of {person}, {town} deserved a larger {thing}.",
    "The inn at {town} charged too much for {goods}, as {person} complained {time}.",
    "{number} people signed the petition against the {trait} {thing} of {town}.",
    "{person} taught arithmetic in {town} and collected beetles.",
    "The harvest of {year} was {trait}, and {goods} became dear in {town}.",
    "When the {thing} was opened {time}, it held nothing but {goods}.",
    "{person} drew a map of {town} on which the {thing} is missing.",
    "The wind took the roof of the {thing} and carried it towards {town}.",
    "From {town} one could see {number} chimneys {time}.",
    "{person} remembered {town} as a {trait} place with a {trait} {thing}.",
    "The society for {goods} met in {town} and elected {person} as its treasurer.",
    "Between {town} and {town} the river is {trait} and {number} paces wide.",
    "{person} bought the {thing} at an auction in {year} for {number} marks.",
    "A dog belonging to {person} followed the post coach as far as {town}.",
    "The {thing} of {town} was repaired {time} by {person}, who asked for {goods} in return.",
    "The newspaper of {town} reported {time} that {goods} were scarce.",
    "{person} kept bees behind the {thing} and gave the honey away.",
    "The bridge at {town} bore {number} carts a day in {year}.",
    "Children from {town} used to play around the {trait} {thing}.",
    "{person} measured the {thing} twice and got {number} feet both times."};
inline const FillerText::List FillerText::kFirstNames = {"Anton",    "Berta", "Clemens", "Dora",    "Emil",  "Frieda",
                                                         "Gustav",   "Helga", "Ivo",     "Johanna", "Karl",  "Lena",
                                                         "Matthias", "Nora",  "Oskar",   "Paula",   "Ruben", "Selma"};
inline const FillerText::List FillerText::kLastNames = {"Abel",  "Bergmann", "Castell", "Dietz",  "Ekman",  "Farkas",
                                                        "Grote", "Holm",     "Isberg",  "Jonker", "Kravic", "Lund",
                                                        "Moser", "Nyberg",   "Oster",   "Pohl",   "Rask",   "Stahl"};
inline const FillerText::List FillerText::kTowns = {"Arnsbach",    "Birkfeld",  "Colmrode",  "Dornau",    "Eschwiese",
                                                    "Falkenhorst", "Grünau",    "Hagebrück", "Ilmenried", "Jarsfelt",
                                                    "Kaltwasser",  "Lerchenau", "Mittelhof", "Niedersee", "Ostrau",
                                                    "Pfaffing",    "Querfurt",  "Rosswald",  "Steinach",  "Tannried"};
inline const FillerText::List FillerText::kThings = {
    "granary", "pump",          "barn",       "weighbridge", "fountain", "signpost", "loom",   "clock tower",
    "stable",  "printing shop", "greenhouse", "wagon",       "kiln",     "windmill", "smithy", "notice board"};
inline const FillerText::List FillerText::kTraits = {"plain", "splendid",   "crooked", "narrow", "cold",   "dusty",
                                                     "mild",  "remarkable", "shabby",  "quiet",  "yellow", "green"};
inline const FillerText::List FillerText::kTimes = {"in April",    "before sunrise",     "on Monday",
                                                    "that autumn", "after the holidays", "in the third week",
                                                    "around noon", "towards evening",    "on the last Sunday of June"};
inline const FillerText::List FillerText::kGoods = {"barley", "wool",    "apples",  "linen",  "salt",   "timber",
                                                    "hops",   "candles", "herring", "cheese", "bricks", "lamp oil"};

}  // namespace longshot
