#pragma once

#include <nlohmann/json.hpp>
#include <map>
#include <string>
#include <vector>

namespace longshot {

/// The finished cells of a run: a folder with one JSON file each, so that whatever is finished stays finished.
///
///   DIR/cells/ID.json   one cell, whole or not there
class CellStore {
 public:
  /// Reads what the folder holds, if it is there. A file that is no cell of this version is refused.
  /// Errors: kIo naming the folder and the reason; kFormat naming the file.
  explicit CellStore(std::string folder);

  const std::string& folder() const { return folder_; }
  bool Has(const std::string& id) const { return cells_.contains(id); }
  size_t size() const { return cells_.size(); }
  /// REQUIRES: it is there.
  const nlohmann::json& Get(const std::string& id) const { return cells_.at(id); }
  /// Every cell, by id.
  std::vector<const nlohmann::json*> All() const;
  /// Writes one cell. REQUIRES: `cell` has an `id`. Errors: kIo; what was there before stays.
  void Put(nlohmann::json cell);

  static std::string CellFolder(const std::string& folder) { return folder + "/cells"; }

 private:
  std::string folder_;
  std::map<std::string, nlohmann::json> cells_;
};

/// Refuses what is no cell as reports read it. Errors: kFormat naming `what`, and what is missing.
void RequireCell(const nlohmann::json& cell, const std::string& what);

/// Makes a folder and those above it. Errors: kIo naming it and the reason.
void MakeFolder(const std::string& path);

/// Writes a file in one step. Errors: kIo.
void WriteWhole(const std::string& path, const std::string& content);

}  // namespace longshot
