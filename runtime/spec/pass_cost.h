#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace longshot {

/// Cost of one pass of the target by its number of rows, in single-row passes: what rows are paid with when a proposal
/// is sized. A short curve, since tiles of rows make cost a staircase; linear between its points, beyond the last one
/// along the last piece. It begins with 1 at 1 row and never falls. A value of fixed size: copies allocate nothing.
class PassCost {
 public:
  struct Point {
    int64_t rows = 1;
    double cost = 1;
    friend bool operator==(const Point&, const Point&) = default;
  };
  static constexpr size_t kMostPoints = 16;

  /// A straight line: every row after the first costs `row_cost`.
  constexpr explicit PassCost(double row_cost = 0.02) : points_{Point{1, 1.0}, Point{2, 1.0 + row_cost}}, size_(2) {}
  /// Costs in any unit, scaled so that the first is 1; one below an earlier one is raised to it.
  /// REQUIRES: 1 to kMostPoints points, the first at 1 row, rows ascending, costs above 0.
  explicit PassCost(std::span<const Point> points);
  /// From "2:1.03,8:1.3": rows and cost of each point after the first. Errors: kUsage when it is anything else.
  static PassCost Parse(std::string_view text);

  /// REQUIRES: rows >= 1.
  double operator()(int64_t rows) const;
  std::span<const Point> points() const { return {points_.data(), size_}; }
  /// As `Parse` reads it, each cost with five digits.
  std::string ToText() const;
  friend bool operator==(const PassCost& a, const PassCost& b) = default;

 private:
  std::array<Point, kMostPoints> points_;
  size_t size_;
};

}  // namespace longshot
