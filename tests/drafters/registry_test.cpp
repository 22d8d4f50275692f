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
            "Known: none, copy, token-recycling, window");
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
