#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace longshot {

/// Pictures of a report as SVG text. Colours are classes of the page (`c0` to `c7`), so that it decides how they look.
struct Point {
  double x = 0, y = 0;
  double low = 0, high = 0;  ///< interval of y, drawn where it is one
};

struct Series {
  std::string name;
  std::vector<Point> points;  ///< by x, ascending
  int colour = 0;
};

struct LinePlot {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  std::optional<double> reference = {};  ///< a horizontal line to compare with
};
std::string RenderLines(const LinePlot& plot);

/// Bars of stacked parts.
struct BarPlot {
  std::string title, y_label;
  std::vector<std::string> parts;
  struct Bar {
    std::string name;
    std::vector<double> values;  ///< one for each part
  };
  std::vector<Bar> bars;
};
std::string RenderBars(const BarPlot& plot);

/// &, <, > and quotes as entities; control characters become U+FFFD.
std::string EscapeHtml(const std::string& text);

}  // namespace longshot
