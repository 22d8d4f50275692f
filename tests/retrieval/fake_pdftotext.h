#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/runtime/model/temporary_folder.h"

namespace longshot {

/// Makes a shell script the `pdftotext` that is found first, as long as it lives.
class FakePdftotext {
 public:
  explicit FakePdftotext(const std::string& script) : path_(std::getenv("PATH")) {
    folder_.Write("pdftotext", "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(folder_ / "pdftotext", std::filesystem::perms::owner_all);
    ::setenv("PATH", (folder_.path() + ":" + path_).c_str(), 1);
  }
  ~FakePdftotext() { ::setenv("PATH", path_.c_str(), 1); }

 private:
  std::string path_;
  TemporaryFolder folder_;
};

/// Makes a folder without programs the PATH, as long as it lives.
class EmptyPath {
 public:
  EmptyPath() : path_(std::getenv("PATH")) { ::setenv("PATH", folder_.path().c_str(), 1); }
  ~EmptyPath() { ::setenv("PATH", path_.c_str(), 1); }

 private:
  std::string path_;
  TemporaryFolder folder_;
};

/// A page with the words "Hello from a page", without the table of offsets that readers make themselves.
inline std::string OnePagePdf() {
  const std::string content = "BT /F1 24 Tf 72 700 Td (Hello from a page) Tj ET";
  return "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
         "2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
         "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 "
         "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>\nendobj\n"
         "4 0 obj\n<< /Length " +
         std::to_string(content.size()) + " >>\nstream\n" + content +
         "\nendstream\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n";
}

}  // namespace longshot
