#include "experiments/cell_store.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "session/report.h"

namespace longshot {

namespace fs = std::filesystem;
using nlohmann::json;

void MakeFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) Throw(ErrorCode::kIo, "{}: cannot make this folder: {}; choose another with -o", path, error.message());
}

void WriteWhole(const std::string& path, const std::string& content) {
  AtomicFile file(path, std::ssize(content));
  file.Write(std::as_bytes(std::span(content)));
  file.Commit();
}

CellStore::CellStore(std::string folder) : folder_(std::move(folder)) {
  const std::string cells = CellFolder(folder_);
  MakeFolder(cells);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(cells, error)) {
    if (entry.path().extension() != ".json") continue;
    json cell = json::parse(ReadFile(entry.path().string()), nullptr, false);
    const bool is_cell = cell.is_object() && cell.value("id", json()) == entry.path().stem().string();
    if (!is_cell) {
      Throw(ErrorCode::kFormat, "{}: no cell of a run; remove it, and --resume makes it again", entry.path().string());
    }
    cells_.emplace(entry.path().stem().string(), std::move(cell));
  }
  if (error) Throw(ErrorCode::kIo, "{}: cannot be read: {}", cells, error.message());
}

std::vector<const json*> CellStore::All() const {
  std::vector<const json*> all;
  for (const auto& [id, cell] : cells_) all.push_back(&cell);
  return all;
}

void CellStore::Put(json cell) {
  const std::string id = cell.at("id");
  WriteWhole(CellFolder(folder_) + "/" + id + ".json", Dump(cell) + "\n");
  cells_.insert_or_assign(id, std::move(cell));
}

}  // namespace longshot
