#pragma once

#include <span>
#include <string>
#include <vector>

namespace longshot {

/// One file as text.
struct Document {
  std::string path;  ///< as named or found; "-" for standard input
  std::string text;  ///< HTML without its tags, PDF as `pdftotext` writes it, everything else as it is
};

}  // namespace longshot
