#include "drafters/registry.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "runtime/config/fields.h"

namespace longshot {
namespace {

template <class Call>
std::string ErrorOf(ErrorCode code, Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "no error";
}

TEST(Registry, NamesAreUniqueAndMakeWhatTheyName) {
  std::set<std::string_view> names;
  for (const DrafterEntry& entry : Drafters()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_FALSE(entry.help.empty());
    DrafterConfig config;
    config.type = entry.name;
    EXPECT_EQ(MakeDrafter(config)->name(), entry.name);
    EXPECT_EQ(&FindDrafter(entry.name), &entry);
  }
  EXPECT_EQ(Drafters().front().name, "none");
}

TEST(Registry, AnUnknownDrafterIsToldTheNearestAndAll) {
  EXPECT_EQ(ErrorOf(ErrorCode::kUsage, [] { FindDrafter("token-recyling"); }),
            "--spec-type: there is no drafter \"token-recyling\"; did you mean token-recycling? "
            "Known: none, copy, token-recycling, window, rag, draft-simple, auto");
}

TEST(DrafterChoice, ANameIsItselfAndAListIsChosenFrom) {
  EXPECT_FALSE(DrafterChoice("window").chooses());
  EXPECT_EQ(DrafterChoice("window").arms().size(), 1u);
  const DrafterChoice list("copy,window");
  EXPECT_TRUE(list.chooses() && list.Has("copy") && list.Has("window") && !list.Has("token-recycling"));
  EXPECT_TRUE(list.draws_own_law());
  EXPECT_FALSE(list.grows_trees());
  const auto given =
      std::count_if(Drafters().begin(), Drafters().end(), [](const auto& d) { return d.need == DraftNeed::kModel; });
  EXPECT_EQ(std::ssize(DrafterChoice("auto").arms()), std::ssize(Drafters()) - 2 - given)
      << "all but none, itself and those that have to be given something";
  const DraftExtent extent{.context = 1000, .vocab = 100};
  EXPECT_EQ(list.MostBytes(extent), FindDrafter("copy").most_bytes(extent) + FindDrafter("window").most_bytes(extent));
  DrafterConfig config;
  config.type = "copy,window";
  EXPECT_EQ(MakeDrafter(config)->name(), "copy,window");
}

TEST(DrafterChoice, ListsOfTheSameOrOfWhatIsNoChoiceAreRefused) {
  EXPECT_EQ(ErrorOf(ErrorCode::kUsage, [] { DrafterChoice("copy,window,copy"); }),
            "--spec-type copy,window,copy: expected a list of different drafters, got copy twice; name it once");
  EXPECT_EQ(ErrorOf(ErrorCode::kUsage, [] { DrafterChoice("none,copy"); }),
            "--spec-type none,copy: expected a list of different drafters, got none in it; plain decoding is always "
            "among the choices: leave it out");
  EXPECT_EQ(ErrorOf(ErrorCode::kUsage, [] { DrafterChoice("copy,auto"); }),
            "--spec-type copy,auto: expected a list of different drafters, got auto in it; auto alone chooses among "
            "all drafters");
  EXPECT_NE(ErrorOf(ErrorCode::kUsage, [] { DrafterChoice("copy,"); })
                .find("there is no drafter "
                      ""),
            std::string::npos);
}

TEST(DrafterConfig, EveryFieldHasAFlagOfItsOwnAndADefaultInRange) {
  DrafterConfig config;
  std::set<std::string_view> names, flags;
  for (const BoundField& bound : BindFields(config)) {
    EXPECT_TRUE(names.insert(bound.field.name).second) << bound.field.name;
    EXPECT_TRUE(flags.insert(bound.field.flags).second) << bound.field.flags;
    EXPECT_FALSE(bound.field.flags.empty());
    EXPECT_FALSE(bound.field.help.empty());
  }
  CheckFields(BindFields(config));
}

TEST(TreeShape, IsAListOfLevelSizes) {
  EXPECT_TRUE(ParseTreeShape("").empty());
  EXPECT_EQ(ParseTreeShape("4,16,16"), (std::vector<int64_t>{4, 16, 16}));
  for (const char* wrong : {",", "4,", "4,,4", "0", "-1", "4 ,4", "4,x", "5000", "99999999999999999999"}) {
    EXPECT_EQ(ErrorOf(ErrorCode::kUsage, [&] { ParseTreeShape(wrong); }),
              std::string("--spec-tree-shape: expected level sizes from 1 to 4096 separated by commas, such as "
                          "4,16,16; got \"") +
                  wrong + "\"");
  }
  EXPECT_EQ(ErrorOf(ErrorCode::kUsage,
                    [] {
                      DrafterConfig config;
                      config.type = "token-recycling";
                      config.tree.shape = "4;4";
                      MakeDrafter(config);
                    })
                .substr(0, 18),
            "--spec-tree-shape:");
}

}  // namespace
}  // namespace longshot
