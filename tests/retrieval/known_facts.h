#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace longshot {

/// A sentence hidden in a document, and a question that it answers.
struct KnownFact {
  std::string entity;  ///< what it is about; other sentences name it too
  std::string fact;
  std::string question;
};

/// Facts whose questions say everything in other words: no content word is shared, not even by its stem.
inline std::vector<KnownFact> ParaphrasedFacts() {
  return {
      {"The vessel", "The vessel was painted crimson before its maiden voyage.", "Which colour did the boat get?"},
      {"The physician", "The physician prescribed willow bark for the headaches.",
       "What remedy did the doctor recommend against migraine?"},
      {"The monarch", "The monarch abdicated in the spring of 1847.", "When did the king give up his throne?"},
      {"The infant", "The infant was christened Ottilie.", "What name was given to the baby?"},
      {"The automobile", "The automobile broke down outside Lindhaven.", "Where did the car stop working?"},
      {"The attorney", "The attorney demanded nine thousand florins for the case.",
       "How much money did the lawyer ask for?"},
      {"The thief", "The thief escaped through the cellar window.", "How did the burglar get away?"},
      {"The bakery", "The bakery closes at half past three on Saturdays.",
       "Until what hour can one buy bread at the weekend?"},
      {"The cottage", "The cottage was erected by a retired sailor called Brandt.", "Who built the small house?"},
      {"The summit", "The summit was first reached by a schoolteacher from Oslo.",
       "Who climbed the mountain earliest?"},
      {"The feline", "The feline hid beneath the piano.", "Under which piece of furniture did the cat conceal itself?"},
      {"The premises", "The premises were heated with peat.", "What fuel kept the building warm?"},
      {"The employee", "The employee resigned because of the noise.", "Why did the worker quit the job?"},
      {"The novel", "The novel was penned in a lighthouse.", "In what kind of place did the author write the book?"},
      {"The bride", "The bride wore a gown of emerald silk.", "What did the woman dress in for the wedding?"},
      {"The purse", "The purse contained seventeen silver coins.", "How many pieces of money were inside the wallet?"},
      {"The soldiers", "The soldiers retreated because their ammunition ran out.",
       "For what reason did the troops withdraw?"},
      {"The orchard", "The orchard was destroyed by locusts.", "Which insects ruined the fruit trees?"},
      {"The tavern", "The tavern was renamed the Gilded Heron.", "What is the pub called now?"},
      {"The cathedral", "The cathedral's bell cracked during a funeral.",
       "On what occasion did the church chime get damaged?"},
      {"The pupil", "The pupil failed algebra twice.", "In which field of mathematics was the student unsuccessful?"},
      {"The expedition", "The expedition perished from scurvy.", "What illness killed the explorers?"},
      {"The gardener", "The gardener concealed the key beneath a flowerpot.",
       "Where was the thing that opens the door hidden?"},
      {"The conductor", "The conductor fainted halfway through the symphony.",
       "What happened to the orchestra leader in the middle of the concert?"},
      {"The inspector", "The inspector suspected the housekeeper.", "Whom did the detective believe to be guilty?"},
      {"The hikers", "The hikers quenched their thirst with melted snow.", "What did the walkers drink?"},
      {"The bequest", "The bequest went to an orphanage.", "Who inherited the money?"},
      {"The aircraft", "The aircraft landed in a wheat field.", "Where did the plane come down?"},
      {"The film", "The film was banned owing to its violence.", "Why was the movie prohibited?"},
      {"The apprentice", "The apprentice hailed from Portugal.", "Which country did the trainee come from?"},
      {"The stallion", "The stallion was traded for two oxen.", "What was obtained in exchange for the horse?"},
      {"The merchant", "The merchant went bankrupt after the flood.", "Which disaster ruined the trader's business?"},
      {"The statue", "The statue portrays a fisherman mending nets.", "Who is depicted by the sculpture?"},
      {"The choir", "The choir rehearses every Thursday.", "On which day do the singers practise?"},
      {"The explosion", "The explosion injured twelve miners.", "How many people were hurt by the blast?"},
      {"The heiress", "The heiress married a beekeeper.", "What was the occupation of the rich woman's husband?"},
      {"The parcel", "The parcel weighed eleven kilograms.", "How heavy was the package?"},
      {"The youngsters", "The youngsters were forbidden to swim in the quarry.",
       "Which activity was not allowed for children?"},
      {"The kitchen", "The kitchen smelled of cinnamon.", "Which spice could be noticed where the meals were cooked?"},
      {"The ambassador", "The ambassador concealed his illness from the press.",
       "What did the diplomat keep secret from journalists?"},
      {"The spectators", "The spectators applauded for six minutes.", "How long did the audience clap?"},
      {"The residence", "The residence burned down because of a candle.", "What started the fire at the home?"},
      {"The watchmaker", "The watchmaker lost his sight at forty.",
       "At what age did the clock craftsman become blind?"},
      {"The corpse", "The corpse was discovered by a milkman.", "Who found the dead body?"},
      {"The siblings", "The siblings quarrelled over the farm.", "What did the brother and sister argue about?"},
      {"The ferry", "The ferry departs at dawn.", "What time of day does the ship leave?"},
      {"The satellite", "The satellite malfunctioned owing to ice.",
       "What caused the trouble with the orbiting spacecraft?"},
      {"The elderly lady", "The elderly lady bequeathed her parrot to the postman.",
       "Who received the bird when the old woman died?"},
      {"The manuscript", "The manuscript was smuggled out inside a loaf.",
       "How was the handwritten text secretly brought abroad?"},
      {"The tenant", "The tenant repaired the roof with tin.",
       "What material did the renter use to fix the top of the house?"},
  };
}

/// Facts that are asked for in their own words: five institutions for each of ten properties, so that the property
/// alone does not find them, and neither does the name, which other sentences have too.
inline std::vector<KnownFact> LiteralFacts() {
  struct Property {
    std::string_view fact, question;  ///< NAME and VALUE stand for what differs
    std::vector<std::string_view> values;
  };
  const std::vector<Property> properties = {
      {"The access code of NAME is VALUE.",
       "What is the access code of NAME?",
       {"48213", "77150", "30962", "61408", "95577"}},
      {"NAME was founded by VALUE.",
       "Who founded NAME?",
       {"Agnes Thorsen", "Ludo Pereira", "Mirela Vance", "Otto Kell", "Hana Brisk"}},
      {"The warehouse of NAME stores VALUE.",
       "What does the warehouse of NAME store?",
       {"copper wire", "organ pipes", "dried figs", "glass lenses", "ship's ropes"}},
      {"NAME keeps its oldest charter in VALUE.",
       "Where does NAME keep its oldest charter?",
       {"a lead box", "the attic", "a bank vault", "the chapel crypt", "a hollow beam"}},
      {"The annual fee of NAME is VALUE crowns.",
       "How high is the annual fee of NAME?",
       {"312", "1,040", "85", "660", "2,275"}},
      {"The director of NAME grew up in VALUE.",
       "Where did the director of NAME grow up?",
       {"Halmstad", "Cádiz", "Tromsø", "Plovdiv", "Galway"}},
      {"The emblem of NAME shows VALUE.",
       "What does the emblem of NAME show?",
       {"an owl on an anvil", "three keys", "a broken oar", "a fox with a lantern", "a bridge and a star"}},
      {"The archive of NAME was flooded in VALUE.",
       "In which year was the archive of NAME flooded?",
       {"1903", "1911", "1926", "1938", "1954"}},
      {"The lift of NAME stops at floor VALUE.",
       "At which floor does the lift of NAME stop?",
       {"four", "seven", "nine", "eleven", "two"}},
      {"NAME sold its printing press to VALUE.",
       "To whom did NAME sell its printing press?",
       {"a circus", "the harbour office", "a rival newspaper", "two brothers from Graz", "the fire brigade"}},
  };
  const std::vector<std::string_view> first = {"Alder",   "Brock",  "Corvin",  "Dunmore", "Elsham",
                                               "Fenwick", "Garrow", "Hartley", "Ivory",   "Juniper"};
  const std::vector<std::string_view> kinds = {"Institute", "Foundry", "Society", "Library", "Brewery"};
  std::vector<KnownFact> facts;
  for (size_t property = 0; property < properties.size(); ++property) {
    for (size_t i = 0; i < kinds.size(); ++i) {
      // Each name has five institutions, and each property five of them under different names.
      const std::string name =
          "the " + std::string(first[(property + 2 * i) % first.size()]) + " " + std::string(kinds[i]);
      const auto fill = [&](std::string_view text) {
        std::string filled(text);
        if (const size_t at = filled.find("NAME"); at != std::string::npos) filled.replace(at, 4, name);
        if (const size_t at = filled.find("VALUE"); at != std::string::npos) {
          filled.replace(at, 5, properties[property].values[i]);
        }
        filled[0] = static_cast<char>(filled[0] >= 'a' && filled[0] <= 'z' ? filled[0] - 32 : filled[0]);
        return filled;
      };
      facts.push_back({fill("NAME"), fill(properties[property].fact), fill(properties[property].question)});
    }
  }
  return facts;
}

/// What else is said of the entities of facts: true of anything and no answer to any question.
inline std::vector<std::string_view> Distractions() {
  return {"came up twice in the letters of that year.",
          "appeared in a photograph that nobody could date.",
          "figured in a long dispute in the council.",
          "drew a visitor from the south who wrote of nothing else.",
          "owed much to what the newspapers invented.",
          "had been talked about at the previous meeting already.",
          "impressed some and bored most.",
          "turned up again when the minutes were read aloud.",
          "found no place in the second edition of the chronicle.",
          "surprised everybody with memories of earlier days.",
          "stood at the centre of a rumour that would not die.",
          "seemed ordinary beside others of the sort."};
}

}  // namespace longshot
