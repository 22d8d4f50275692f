// labels: unit
// Executes the folder table of the architecture: a file includes only from a lower rank or from its own
// folder.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct RankedFolder {
  const char* path;
  int rank;
};

constexpr RankedFolder kFolders[] = {
    {"core", 0},       {"kernels", 1},       {"runtime/config", 1}, {"runtime/text", 2},
    {"runtime/kv", 2}, {"runtime/model", 3}, {"runtime/cache", 4},  {"runtime/spec", 4},
    {"retrieval", 5},  {"verifier", 5},      {"runtime/engine", 5}, {"drafters", 6},
    {"tasks", 2},      {"session", 7},       {"experiments", 8},    {"cli", 9},
};
/// Folders that hold C++ outside the table: anything may be included from there.
constexpr const char* kUnranked[] = {"tests", "bench"};
constexpr const char* kForbiddenNames[] = {"utils", "common", "helpers"};

const RankedFolder* FolderOf(const std::string& path) {
  for (const RankedFolder& folder : kFolders) {
    if (path.starts_with(std::string(folder.path) + "/")) return &folder;
  }
  return nullptr;
}

bool IsSource(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".cuh";
}

bool IsSkipped(const std::string& relative) {
  const std::string top = relative.substr(0, relative.find('/'));
  if (top.starts_with(".") || top.starts_with("build") || top == "models") return true;
  return std::find(std::begin(kUnranked), std::end(kUnranked), top) != std::end(kUnranked);
}

/// Why `file` of `folder` may not include `target`; nothing when it may.
std::optional<std::string> Refusal(const RankedFolder& folder, const std::string& target) {
  const RankedFolder* from = FolderOf(target);
  if (from == nullptr) return "quotes name a path from the repository root inside a ranked folder";
  if (from == &folder) return std::nullopt;
  if (from->rank >= folder.rank) {
    return "rank " + std::to_string(folder.rank) + " may not include from rank " + std::to_string(from->rank);
  }
  if (std::string(folder.path) == "drafters" && std::string(from->path) == "verifier") {
    return "a drafter never sees a verifier";
  }
  return std::nullopt;
}

void CheckFile(const fs::path& path, const std::string& relative, std::vector<std::string>& violations) {
  const RankedFolder* folder = FolderOf(relative);
  if (folder == nullptr) {
    violations.push_back(relative + ": lies in no ranked folder");
    return;
  }
  static const std::regex include("^\\s*#\\s*include\\s*\"([^\"]+)\".*");
  std::ifstream in(path);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::smatch match;
    if (!std::regex_match(line, match, include)) continue;
    if (const auto reason = Refusal(*folder, match[1])) {
      violations.push_back(relative + ":" + std::to_string(number) + ": " + match[1].str() + ": " + *reason);
    }
  }
}

std::vector<std::string> IncludeViolations(const fs::path& root) {
  std::vector<std::string> violations;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    const std::string relative = fs::relative(it->path(), root).string();
    if (it->is_directory()) {
      const std::string name = it->path().filename().string();
      if (IsSkipped(relative + "/")) {
        it.disable_recursion_pending();
      } else if (std::find(std::begin(kForbiddenNames), std::end(kForbiddenNames), name) != std::end(kForbiddenNames)) {
        violations.push_back(relative + ": a folder of this name collects what has no home");
      }
    } else if (IsSource(it->path()) && !IsSkipped(relative)) {
      CheckFile(it->path(), relative, violations);
    }
  }
  std::sort(violations.begin(), violations.end());
  return violations;
}

int CountLines(const fs::path& path) {
  std::ifstream in(path);
  int lines = 0;
  for (std::string line; std::getline(in, line);) ++lines;
  return lines;
}

std::string ReadText(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder's size rules: a README of at most 40 lines, and a source over 500 lines only with a reason there.
std::vector<std::string> SizeViolations(const fs::path& root) {
  std::vector<std::string> violations;
  for (const RankedFolder& folder : kFolders) {
    const fs::path path = root / folder.path;
    if (!fs::exists(path / "CMakeLists.txt")) continue;
    const fs::path readme = path / "README.md";
    if (!fs::exists(readme)) {
      violations.push_back(std::string(folder.path) + ": has no README.md");
    } else if (CountLines(readme) > 40) {
      violations.push_back(std::string(folder.path) + "/README.md: longer than 40 lines");
    }
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (!IsSource(entry.path()) || CountLines(entry.path()) <= 500) continue;
      const std::string name = entry.path().filename().string();
      if (ReadText(readme).find(name) != std::string::npos) continue;
      violations.push_back(fs::relative(entry.path(), root).string() + ": over 500 lines without a reason");
    }
  }
  return violations;
}

/// A temporary source tree, removed afterwards.
class PlantedTree : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(testing::TempDir()) / ("folder_rules_" + std::string(test->name()));
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& relative, const std::string& text) {
    fs::create_directories((root_ / relative).parent_path());
    std::ofstream(root_ / relative) << text;
  }
  std::string Violations() const {
    std::string all;
    for (const std::string& violation : IncludeViolations(root_)) all += violation + "\n";
    return all;
  }

  fs::path root_;
};

TEST(Repository, IncludesFollowTheRanks) {
  for (const std::string& violation : IncludeViolations(LONGSHOT_SOURCE_DIR)) ADD_FAILURE() << violation;
}

TEST(Repository, FoldersAreExplainedAndFilesReadable) {
  for (const std::string& violation : SizeViolations(LONGSHOT_SOURCE_DIR)) ADD_FAILURE() << violation;
  for (const RankedFolder& folder : kFolders) {
    const fs::path path = fs::path(LONGSHOT_SOURCE_DIR) / folder.path;
    if (!fs::exists(path)) continue;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().extension() == ".h" && CountLines(entry.path()) > 150) {
        std::cout << "warning: " << entry.path() << " has " << CountLines(entry.path()) << " lines\n";
      }
    }
  }
}

TEST_F(PlantedTree, AllowsLowerRanksAndTheOwnFolder) {
  Write("cli/main.cpp", "#include <vector>\n#include \"core/error.h\"\n#include \"cli/report.h\"\n");
  Write("drafters/copy/copy.cpp", "#include \"drafters/registry.h\"\n#include \"runtime/spec/drafter.h\"\n");
  Write("tests/any_test.cpp", "#include \"cli/report.h\"\n");
  EXPECT_EQ(Violations(), "");
}

TEST_F(PlantedTree, RefusesAHigherRank) {
  Write("core/error.cpp", "\n  # include \"runtime/kv/kv_store.h\"\n");
  EXPECT_EQ(Violations(), "core/error.cpp:2: runtime/kv/kv_store.h: rank 0 may not include from rank 2\n");
}

TEST_F(PlantedTree, RefusesAnotherFolderOfTheSameRank) {
  Write("runtime/kv/kv_view.h", "#include \"runtime/text/tokenizer.h\"\n");
  EXPECT_EQ(Violations(), "runtime/kv/kv_view.h:1: runtime/text/tokenizer.h: rank 2 may not include from rank 2\n");
}

TEST_F(PlantedTree, KeepsDraftersAndVerifiersApart) {
  Write("drafters/copy/copy.cpp", "#include \"verifier/rules.h\"\n");
  Write("verifier/greedy.cpp", "#include \"drafters/registry.h\"\n");
  EXPECT_EQ(Violations(),
            "drafters/copy/copy.cpp:1: verifier/rules.h: a drafter never sees a verifier\n"
            "verifier/greedy.cpp:1: drafters/registry.h: rank 5 may not include from rank 6\n");
}

TEST_F(PlantedTree, RefusesRelativeIncludesAndStrayFolders) {
  Write("core/error.cpp", "#include \"error.h\"\n");
  Write("server/main.cpp", "");
  Write("runtime/utils/strings.h", "");
  EXPECT_EQ(Violations(),
            "core/error.cpp:1: error.h: quotes name a path from the repository root inside a ranked folder\n"
            "runtime/utils/strings.h: lies in no ranked folder\n"
            "runtime/utils: a folder of this name collects what has no home\n"
            "server/main.cpp: lies in no ranked folder\n");
}

}  // namespace
