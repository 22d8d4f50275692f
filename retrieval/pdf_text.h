#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace longshot {

/// What a conversion may take: PDF files come from anywhere, and some make a converter run for hours.
struct PdfLimits {
  int64_t time_ms = 60'000;
  int64_t text_bytes = int64_t{1} << 30;
};

/// The text of a PDF as `pdftotext` of poppler writes it: UTF-8 in reading order, without page breaks. The program is
/// looked for on the PATH, runs without a shell, with at most 4 GiB of memory, and is killed at a limit.
/// `name` is what errors call the file. Errors: kUnsupported naming the package where there is no pdftotext; kFormat
/// with its words when it fails; kCapacity naming the limit that it reached.
std::string PdfText(std::string_view name, std::string_view pdf, const PdfLimits& limits = {});

}  // namespace longshot
