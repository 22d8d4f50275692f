#include "experiments/cell_store.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "runtime/text/bounded_json.h"
#include "session/report.h"

namespace longshot {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

using Type = json::value_t;

/// A key that reports read, and what it holds.
struct RequiredKey {
  const char* key;
  Type type;
};
constexpr RequiredKey kCellKeys[] = {{"id", Type::string},
                                     {"task", Type::string},
                                     {"sample", Type::string},
                                     {"drafter", Type::string},
                                     {"method", Type::string},
                                     {"metric", Type::string},
                                     {"question", Type::string},
                                     {"exactness", Type::string},
                                     {"output_sha256", Type::string},
                                     {"failed", Type::string},
                                     {"prompt_sha256", Type::string},
                                     {"model_sha256", Type::string},
                                     {"looping", Type::boolean},
                                     {"axes", Type::object},
                                     {"place", Type::array},
                                     {"metrics", Type::object},
                                     {"timings", Type::object},
                                     {"phases_ms", Type::object},
                                     {"draft_plan", Type::object},
                                     {"memory_bytes", Type::object},
                                     {"settings", Type::object},
                                     {"device", Type::object},
                                     {"build", Type::object},
                                     {"proposers", Type::array},
                                     {"repetition", Type::number_integer},
                                     {"seed", Type::number_integer},
                                     {"prompt_tokens", Type::number_integer},
                                     {"prefill_ms", Type::number_float}};
constexpr RequiredKey kMetricKeys[] = {{"emitted_tokens", Type::number_integer},
                                       {"target_passes", Type::number_integer},
                                       {"spec_decode_num_drafts", Type::number_integer},
                                       {"mean_acceptance_length", Type::number_float},
                                       {"spec_decode_num_accepted_tokens_per_pos", Type::array},
                                       {"arms", Type::object}};
constexpr RequiredKey kMemoryKeys[] = {{"weights", Type::number_integer},
                                       {"target_kv", Type::number_integer},
                                       {"scratch", Type::number_integer},
                                       {"draft_held", Type::number_integer}};
constexpr RequiredKey kTimingKeys[] = {{"predicted_n", Type::number_integer}, {"predicted_ms", Type::number_float}};

bool Holds(const json& value, Type type) {
  if (type == Type::number_integer) return value.is_number_integer();
  return type == Type::number_float ? value.is_number() : value.type() == type;
}

void RequireKeys(const json& block, std::span<const RequiredKey> keys, const std::string& what) {
  for (const RequiredKey& required : keys) {
    const auto found = block.find(required.key);
    if (found != block.end() && Holds(*found, required.type)) continue;
    Throw(ErrorCode::kFormat,
          "{}: no cell of a run of this version: {} is missing or of another kind; remove it, and --resume "
          "makes it again",
          what, required.key);
  }
}

template <class Accept>
bool AllOf(const json& values, Accept&& accept) {
  return std::all_of(values.begin(), values.end(), accept);
}

bool HoldsMs(const json& block) { return block.is_object() && block.value("ms", json()).is_number(); }

}  // namespace

void RequireCell(const json& cell, const std::string& what) {
  if (!cell.is_object()) Throw(ErrorCode::kFormat, "{}: expected a cell of a run, an object", what);
  RequireKeys(cell, kCellKeys, what);
  RequireKeys(cell["metrics"], kMetricKeys, what);
  RequireKeys(cell["timings"], kTimingKeys, what);
  RequireKeys(cell["memory_bytes"], kMemoryKeys, what);
  constexpr size_t kPlaces = 5, kRun = 3;
  const auto is_run = [](const json& run) {
    return run.is_array() && run.size() == kRun && run[0].is_string() && run[1].is_number_integer() &&
           run[2].is_string();
  };
  const auto is_point = [](const json& point) {
    return point.is_object() && point.value("rows", json()).is_number() && point.value("ms", json()).is_number();
  };
  const json points = cell["draft_plan"].value("verification_ms", json::array());
  const bool whole = cell["place"].size() == kPlaces &&
                     AllOf(cell["place"], [](const json& p) { return p.is_number_integer(); }) &&
                     AllOf(cell["proposers"], is_run) && points.is_array() && AllOf(points, is_point) &&
                     AllOf(cell["axes"], [](const json& value) { return value.is_string(); }) &&
                     AllOf(cell["phases_ms"], [](const json& value) { return value.is_number(); }) &&
                     AllOf(cell["metrics"]["spec_decode_num_accepted_tokens_per_pos"],
                           [](const json& value) { return value.is_number(); }) &&
                     (!cell.contains("score") || cell["score"].is_number()) &&
                     (!cell.contains("retrieval") || HoldsMs(cell["retrieval"])) &&
                     (!cell["metrics"].contains("law_shift") || cell["metrics"]["law_shift"].is_number()) &&
                     (!cell.contains("choices") || cell["choices"].is_string());
  if (!whole) Throw(ErrorCode::kFormat, "{}: a cell of a run with values of the wrong kind; remove it", what);
}

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
  std::error_code error;
  if (!fs::exists(cells, error)) return;  // none was finished yet
  for (const fs::directory_entry& entry : fs::directory_iterator(cells, error)) {
    if (entry.path().extension() != ".json") continue;
    const std::string path = entry.path().string(), id = entry.path().stem().string();
    json cell = ParseBoundedJson(ReadFile(path), path);
    RequireCell(cell, path);
    if (cell["id"] != id) Throw(ErrorCode::kFormat, "{}: holds another cell than its name says; remove it", path);
    cells_.emplace(id, std::move(cell));
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
  MakeFolder(CellFolder(folder_));
  WriteWhole(CellFolder(folder_) + "/" + id + ".json", Compact(cell) + "\n");
  cells_.insert_or_assign(id, std::move(cell));
}

}  // namespace longshot
