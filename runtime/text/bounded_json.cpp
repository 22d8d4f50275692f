#include "runtime/text/bounded_json.h"

#include "core/error.h"
#include "core/planted_bug.h"
#include "core/printable.h"

namespace longshot {
namespace {

// The largest published tokenizer of a supported family has 17 MB, 128,000 pieces and 280,000 merges in
// pairs.
constexpr size_t kMaxBytes = size_t{64} << 20;
constexpr int kMaxDepth = 64;
constexpr int64_t kMaxValues = 8'000'000;

}  // namespace

nlohmann::json ParseBoundedJson(std::string_view text, std::string_view what) {
  using Event = nlohmann::json::parse_event_t;
  if (text.size() > kMaxBytes) {
    Throw(ErrorCode::kFormat, "{} has {} bytes, more than the {} that are read", what, text.size(), kMaxBytes);
  }
  int64_t values = 0;
  const auto check = [&](int depth, Event event, nlohmann::json&) {
    if (event == Event::object_end || event == Event::array_end || event == Event::key) return true;
    if (depth > kMaxDepth && !Planted(PlantedBug::kJsonDepth)) {
      Throw(ErrorCode::kFormat, "{} is nested deeper than {} levels", what, kMaxDepth);
    }
    if (++values > kMaxValues) Throw(ErrorCode::kFormat, "{} has more than {} values", what, kMaxValues);
    return true;
  };
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception& e) {
    Throw(ErrorCode::kFormat, "{} is not valid JSON: {}", what, Printable(e.what(), 160));
  }
  if (Planted(PlantedBug::kJsonDepth)) (void)document.dump();  // recursive
  return document;
}

}  // namespace longshot
