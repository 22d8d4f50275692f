#include "experiments/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace longshot {
namespace {

constexpr double kWidth = 460, kHeight = 260, kLeft = 52, kRight = 12, kTop = 30, kBottom = 40;
constexpr double kInnerWidth = kWidth - kLeft - kRight, kInnerHeight = kHeight - kTop - kBottom;
constexpr int kColours = 8;

/// A step of 1, 2 or 5 times a power of ten that parts `span` into about `parts`.
double NiceStep(double span, int parts) {
  const double raw = span / parts, power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (raw <= step * power) return step * power;
  }
  return 10 * power;
}

/// Values from `low` to `high` on pixels from `begin` to `end`.
struct Scale {
  double low, high, begin, end;
  double At(double value) const { return begin + (value - low) / (high - low) * (end - begin); }
};

/// From 0 (or below the least) to a round number above the largest.
Scale VerticalScale(double largest) {
  const double top = largest > 0 ? largest : 1;
  const double step = NiceStep(top, 4);
  return {0, std::ceil(top / step * 1.0001) * step, kTop + kInnerHeight, kTop};
}

std::string Number(double value) {
  if (std::abs(value) >= 1e4) return fmt::format("{:.0f}k", value / 1000);
  return fmt::format("{:.4g}", value);
}

std::string Begin(const std::string& title, const std::string& y_label) {
  return fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"><text class=\"title\" x=\"{}\" y=\"16\">{}<tspan "
      "class=\"unit\" dx=\"6\">{}</tspan></text>",
      kWidth, kHeight, EscapeHtml(title), kLeft, EscapeHtml(title), EscapeHtml(y_label));
}

std::string HorizontalLines(const Scale& y) {
  std::string svg;
  const double step = NiceStep(y.high - y.low, 4);
  for (double value = y.low; value <= y.high * 1.0001; value += step) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/><text class=\"tick end\" x=\"{}\" "
        "y=\"{:.1f}\">{}</text>",
        kLeft, kWidth - kRight, y.At(value), y.At(value), kLeft - 6, y.At(value) + 4, Number(value));
  }
  return svg;
}

/// Names and colours below a picture, as page text: they wrap.
std::string Legend(const std::vector<std::pair<std::string, int>>& entries) {
  std::string html = "<p class=\"legend\">";
  for (const auto& [name, colour] : entries) {
    html += fmt::format("<span><i class=\"c{}\"></i>{}</span>", colour % kColours, EscapeHtml(name));
  }
  return html + "</p>";
}

std::string Figure(const std::string& svg, const std::vector<std::pair<std::string, int>>& legend) {
  return fmt::format("<figure>{}</svg>{}</figure>\n", svg, Legend(legend));
}

/// What the points of a plot span.
struct Extent {
  double low = 0, high = 0;  ///< of x
  double largest = 0;        ///< of y, intervals and the reference included
};
std::optional<Extent> ExtentOf(const LinePlot& plot) {
  std::optional<Extent> extent;
  for (const Series& series : plot.series) {
    for (const Point& point : series.points) {
      if (!extent) extent = Extent{point.x, point.x, plot.reference.value_or(0)};
      extent->low = std::min(extent->low, point.x), extent->high = std::max(extent->high, point.x);
      extent->largest = std::max({extent->largest, point.y, point.high});
    }
  }
  if (extent && extent->high == extent->low) extent->low -= 0.5, extent->high += 0.5;
  return extent;
}

/// Numbers below the picture, as many as have room, and what they count.
std::string HorizontalTicks(const LinePlot& plot, const Scale& x) {
  constexpr double kLeastGap = 34;
  std::vector<double> ticks;
  for (const Series& series : plot.series) {
    for (const Point& point : series.points) ticks.push_back(point.x);
  }
  std::sort(ticks.begin(), ticks.end());
  std::string svg;
  double last = -kWidth;
  for (const double tick : ticks) {
    if (x.At(tick) - last < kLeastGap) continue;
    last = x.At(tick);
    svg += fmt::format("<text class=\"tick middle\" x=\"{:.1f}\" y=\"{}\">{}</text>", last, kHeight - kBottom + 16,
                       Number(tick));
  }
  return svg + fmt::format("<text class=\"unit middle\" x=\"{}\" y=\"{}\">{}</text>", kLeft + kInnerWidth / 2,
                           kHeight - 6, EscapeHtml(plot.x_label));
}

/// Intervals, line and dots of a series.
std::string SeriesMarks(const Series& series, const Scale& x, const Scale& y) {
  const int colour = series.colour % kColours;
  std::string path, bars, dots;
  for (const Point& point : series.points) {
    const double px = x.At(point.x), py = y.At(point.y);
    path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", px, py);
    std::string range;
    if (point.high > point.low) {
      bars += fmt::format("<line class=\"interval c{}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
                          colour, px, px, y.At(point.low), y.At(point.high));
      range = fmt::format(" ({} to {})", Number(point.low), Number(point.high));
    }
    dots +=
        fmt::format("<circle class=\"c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>{}: {}{} at {}</title></circle>",
                    colour, px, py, EscapeHtml(series.name), Number(point.y), range, Number(point.x));
  }
  return fmt::format("{}<polyline class=\"c{}\" points=\"{}\"/>{}", bars, colour, path, dots);
}

}  // namespace

std::string RenderLines(const LinePlot& plot) {
  const std::optional<Extent> extent = ExtentOf(plot);
  if (!extent) return {};
  const Scale x{extent->low, extent->high, kLeft + 8, kWidth - kRight - 8}, y = VerticalScale(extent->largest);
  std::string svg = Begin(plot.title, plot.y_label) + HorizontalLines(y) + HorizontalTicks(plot, x);
  if (plot.reference) {
    svg += fmt::format("<line class=\"reference\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft,
                       kWidth - kRight, y.At(*plot.reference), y.At(*plot.reference));
  }
  std::vector<std::pair<std::string, int>> legend;
  for (const Series& series : plot.series) {
    svg += SeriesMarks(series, x, y);
    legend.emplace_back(series.name, series.colour % kColours);
  }
  return Figure(svg, legend);
}

std::string RenderBars(const BarPlot& plot) {
  double largest = 0;
  for (const BarPlot::Bar& bar : plot.bars) {
    double sum = 0;
    for (const double value : bar.values) sum += value;
    largest = std::max(largest, sum);
  }
  if (plot.bars.empty() || largest == 0) return {};
  const Scale y = VerticalScale(largest);
  std::string svg = Begin(plot.title, plot.y_label) + HorizontalLines(y);
  const double slot = kInnerWidth / static_cast<double>(plot.bars.size()), width = std::min(48.0, slot * 0.7);
  for (size_t b = 0; b < plot.bars.size(); ++b) {
    const double left = kLeft + slot * (static_cast<double>(b) + 0.5) - width / 2;
    double sum = 0;
    for (size_t part = 0; part < plot.bars[b].values.size(); ++part) {
      const double value = plot.bars[b].values[part], top = y.At(sum + value);
      svg += fmt::format(
          "<rect class=\"c{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{}, {}: "
          "{}</title></rect>",
          part % kColours, left, top, width, y.At(sum) - top, EscapeHtml(plot.bars[b].name),
          EscapeHtml(plot.parts[part]), Number(value));
      sum += value;
    }
    svg += fmt::format("<text class=\"tick middle\" x=\"{:.1f}\" y=\"{}\">{}</text>", left + width / 2,
                       kHeight - kBottom + 16, EscapeHtml(plot.bars[b].name));
  }
  std::vector<std::pair<std::string, int>> legend;
  for (size_t part = 0; part < plot.parts.size(); ++part) legend.emplace_back(plot.parts[part], static_cast<int>(part));
  return Figure(svg, legend);
}

std::string EscapeHtml(const std::string& text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      case '\n':
      case '\t':
        html += c;
        break;
      default:
        html += static_cast<unsigned char>(c) < 0x20 ? std::string("\xef\xbf\xbd") : std::string(1, c);
    }
  }
  return html;
}

}  // namespace longshot
