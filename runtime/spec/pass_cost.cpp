#include "runtime/spec/pass_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/error.h"

namespace longshot {
namespace {

constexpr int64_t kMostRows = 1 << 20;
constexpr double kMostCost = 1e6;

template <class Number>
bool ReadAll(std::string_view text, Number& number) {
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  return status == std::errc() && end == text.data() + text.size();
}

/// "8:1.3" behind `before`; false when it is no such point.
bool ReadPoint(std::string_view text, const PassCost::Point& before, PassCost::Point& point) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  if (!ReadAll(text.substr(0, colon), point.rows) || !ReadAll(text.substr(colon + 1), point.cost)) return false;
  return point.rows > before.rows && point.rows <= kMostRows && point.cost >= before.cost && point.cost <= kMostCost;
}

}  // namespace

PassCost::PassCost(std::span<const Point> points) : points_{}, size_(points.size()) {
  CHECK(!points.empty() && points.size() <= kMostPoints && points[0].rows == 1, "{} points", points.size());
  for (size_t i = 0; i < size_; ++i) {
    CHECK(points[i].cost > 0 && (i == 0 || points[i].rows > points[i - 1].rows), "point {}", i);
    points_[i] = {points[i].rows, points[i].cost / points[0].cost};
    if (i > 0) points_[i].cost = std::max(points_[i].cost, points_[i - 1].cost);
  }
}

PassCost PassCost::Parse(std::string_view text) {
  std::array<Point, kMostPoints> points{};
  size_t count = 1;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    if (count == kMostPoints || !ReadPoint(rest.substr(0, comma), points[count - 1], points[count])) {
      Throw(ErrorCode::kUsage,
            "--spec-draft-pass-cost: expected at most {} points ROWS:COST with ascending rows from 2 and costs from 1 "
            "that do not fall, such as 2:1.03,8:1.3; got \"{}\"",
            kMostPoints - 1, text);
    }
    ++count;
    if (comma == std::string_view::npos) return PassCost(std::span(points).first(count));
    rest.remove_prefix(comma + 1);
  }
}

double PassCost::operator()(int64_t rows) const {
  CHECK(rows >= 1, "{} rows", rows);
  if (size_ == 1 || rows == 1) return points_[0].cost;
  size_t above = 1;
  while (above + 1 < size_ && points_[above].rows < rows) ++above;
  const Point &left = points_[above - 1], &right = points_[above];
  const double share = static_cast<double>(rows - left.rows) / static_cast<double>(right.rows - left.rows);
  return left.cost + share * (right.cost - left.cost);
}

std::string PassCost::ToText() const {
  std::string text;
  for (const Point& point : points().subspan(1)) {
    text += fmt::format("{}{}:{:.5g}", text.empty() ? "" : ",", point.rows, point.cost);
  }
  return text;
}

}  // namespace longshot
