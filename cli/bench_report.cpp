#include "cli/bench_report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "session/build_info.h"
#include "session/report.h"
#include "core/error.h"

namespace longshot {
namespace {

using nlohmann::ordered_json;

double Mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double Deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double mean = Mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

ordered_json EntryJson(const BenchSetting& setting, const BenchEntry& entry) {
  const std::vector<double> rates = entry.SamplesPerSecond();
  std::vector<int64_t> samples_ns;
  for (const double ms : entry.samples_ms) samples_ns.push_back(std::llround(ms * 1e6));
  return {{"build_commit", kCommit},
          {"build_number", 0},
          {"build_version", kVersion},
          {"cpu_info", setting.backend.device},
          {"backends", setting.backend.name},
          {"numeric_path", setting.backend.numeric_path},
          {"model_filename", setting.model_path},
          {"model_type", setting.model_type},
          {"model_size", setting.model_bytes},
          {"model_n_params", setting.model_parameters},
          {"n_batch", setting.n_batch},
          {"n_ubatch", setting.n_ubatch},
          {"n_threads", setting.backend.threads},
          {"type_k", setting.type_k},
          {"type_v", setting.type_v},
          {"n_gpu_layers", 0},
          {"n_prompt", entry.n_prompt},
          {"n_gen", entry.n_gen},
          {"n_rows", entry.n_rows},
          {"n_depth", entry.n_depth},
          {"test_time", entry.test_time},
          {"avg_ns", std::llround(entry.AverageMs() * 1e6)},
          {"stddev_ns", std::llround(Deviation(entry.samples_ms) * 1e6)},
          {"avg_ms", entry.AverageMs()},
          {"avg_ts", Mean(rates)},
          {"stddev_ts", Deviation(rates)},
          {"roof_fraction", entry.RoofFraction()},
          {"probe_read_gb_s", setting.roofs.bytes_per_ms / 1e6},
          {"probe_matmul_tflop_s", setting.roofs.flops_per_ms / 1e9},
          {"samples_ns", samples_ns},
          {"samples_ts", rates}};
}

std::string Markdown(const BenchSetting& setting, std::span<const BenchEntry> entries) {
  std::string out = fmt::format("{}, {}, {} threads; probed: read {:.1f} GB/s, products of floats {:.2f} TFLOP/s\n\n",
                                setting.backend.device, setting.backend.numeric_path, setting.backend.threads,
                                setting.roofs.bytes_per_ms / 1e6, setting.roofs.flops_per_ms / 1e9);
  out += fmt::format("| {:<24} | {:>10} | {:>8} | {:>8} | {:>18} | {:>20} | {:>12} | {:>5} |\n", "model", "size",
                     "params", "backend", "test", "t/s", "ms", "roof");
  out +=
      fmt::format("| {0:-<24} | {0:->9}: | {0:->8} | {0:->8} | {0:->17}: | {0:->19}: | {0:->11}: | {0:->4}: |\n", "");
  for (const BenchEntry& entry : entries) {
    const std::vector<double> rates = entry.SamplesPerSecond();
    out += fmt::format("| {:<24} | {:>6.2f} MiB | {:>6.2f} M | {:>8} | {:>18} | {:>20} | {:>12.2f} | {:>5.2f} |\n",
                       setting.model_type, static_cast<double>(setting.model_bytes) / (1 << 20),
                       static_cast<double>(setting.model_parameters) / 1e6, setting.backend.name, entry.Name(),
                       fmt::format("{:.2f} ± {:.2f}", Mean(rates), Deviation(rates)), entry.AverageMs(),
                       entry.RoofFraction());
  }
  return out +
         "\nms: one repetition of the test. roof: the least time that the probed bandwidth and products allow, as a "
         "share of the measured time.\n";
}

std::string DoubleQuotes(const std::string& text) {
  std::string doubled;
  for (const char c : text) doubled.append(c == '"' ? 2 : 1, c);
  return doubled;
}

std::string Csv(const BenchSetting& setting, std::span<const BenchEntry> entries) {
  std::string out;
  for (const BenchEntry& entry : entries) {
    const ordered_json json = EntryJson(setting, entry);
    std::string names, values;
    for (const auto& [key, value] : json.items()) {
      if (value.is_array()) continue;
      names += fmt::format("{}{}", names.empty() ? "" : ",", key);
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      values += fmt::format("{}\"{}\"", values.empty() ? "" : ",", DoubleQuotes(text));
    }
    if (out.empty()) out = fmt::format("{}\n", names);
    out += fmt::format("{}\n", values);
  }
  return out;
}

}  // namespace

std::vector<double> BenchEntry::SamplesPerSecond() const {
  std::vector<double> rates;
  for (const double ms : samples_ms) rates.push_back(static_cast<double>(tokens()) * 1000 / ms);
  return rates;
}

double BenchEntry::AverageMs() const { return Mean(samples_ms); }

std::string BenchEntry::Name() const {
  const std::string test = n_prompt > 0 ? fmt::format("pp{}", n_prompt)
                           : n_gen > 0  ? fmt::format("tg{}", n_gen)
                                        : fmt::format("rows{}", n_rows);
  return n_depth > 0 ? fmt::format("{} @ d{}", test, n_depth) : test;
}

void KeepMeasured(std::vector<BenchEntry>& entries) {
  std::erase_if(entries, [](const BenchEntry& entry) { return entry.samples_ms.empty(); });
}

std::string FormatBench(const std::string& format, const BenchSetting& setting, std::span<const BenchEntry> entries) {
  if (format == "md") return Markdown(setting, entries);
  if (format == "csv") return Csv(setting, entries);
  CHECK(format == "json", "bench format {}", format);
  ordered_json list = ordered_json::array();
  for (const BenchEntry& entry : entries) list.push_back(EntryJson(setting, entry));
  return list.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace longshot
