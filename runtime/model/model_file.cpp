#include "runtime/model/model_file.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>

#include "core/error.h"
#include "core/fast_hash.h"
#include "core/printable.h"
#include "core/sha256.h"
#include "runtime/model/decoder_tensors.h"
#include "runtime/model/loaded_model.h"

namespace longshot {
namespace {

/// A value made on first use; what `make` throws reaches every caller.
template <class T>
class Lazy {
 public:
  template <class Make>
  const T& Get(const Make& make) {
    const std::lock_guard lock(mutex_);
    if (!value_) value_ = make();
    return *value_;
  }

 private:
  std::mutex mutex_;
  std::optional<T> value_;
};

LoadedModel Load(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? OpenCheckpoint(path) : OpenGguf(path);
}

/// Of pieces, in order. Whoever waits for `stop` waits for one piece.
std::string ChecksumOf(const std::vector<MappedFile>& files, const std::atomic<bool>& stop) {
  constexpr size_t kPiece = size_t{16} << 20;
  uint64_t hash = 0, bytes = 0;
  for (const MappedFile& file : files) {
    for (std::span<const std::byte> rest = file.bytes(); !rest.empty() && !stop;) {
      const size_t size = std::min(kPiece, rest.size());
      hash = FastHash(rest.first(size), hash);
      rest = rest.subspan(size);
    }
    bytes += file.bytes().size();
  }
  return fmt::format("{:016x} ({} bytes)", hash, bytes);
}

/// A checksum in the making, given up when nobody can ask for it any more.
struct BegunChecksum {
  ~BegunChecksum() { stop = true; }
  std::atomic<bool> stop{false};
  std::shared_future<std::string> text;  ///< its last holder waits for the thread
};

}  // namespace

struct ModelFile::Content {
  std::string path;
  LoadedModel loaded;
  std::vector<const TensorInfo*> by_name;
  Lazy<ModelConfig> config;
  Lazy<Vocabulary> vocabulary;
  Lazy<std::string> sha256;
  BegunChecksum checksum;  ///< last: destroyed first, it reads the files
};

ModelFile::ModelFile(std::unique_ptr<Content> content) : content_(std::move(content)) {}
ModelFile::ModelFile(ModelFile&&) noexcept = default;
ModelFile& ModelFile::operator=(ModelFile&&) noexcept = default;
ModelFile::~ModelFile() = default;

ModelFile ModelFile::Open(const std::string& path) {
  auto content = std::make_unique<Content>();
  content->path = path;
  try {
    content->loaded = Load(path);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kIo) throw;
    throw Error(error.code(), fmt::format("{}: {}", path, error.what()));
  }
  for (const TensorInfo& tensor : content->loaded.tensors) content->by_name.push_back(&tensor);
  std::sort(content->by_name.begin(), content->by_name.end(),
            [](const TensorInfo* a, const TensorInfo* b) { return a->name < b->name; });
  return ModelFile(std::move(content));
}

const std::string& ModelFile::path() const { return content_->path; }
std::string_view ModelFile::format() const { return content_->loaded.format; }
std::span<const TensorInfo> ModelFile::tensors() const { return content_->loaded.tensors; }
std::span<const UnreadableTensor> ModelFile::unreadable_tensors() const { return content_->loaded.unreadable; }

std::span<const std::pair<std::string, std::string>> ModelFile::metadata() const { return content_->loaded.metadata; }

const ModelConfig& ModelFile::config() const { return content_->config.Get(content_->loaded.read_config); }
const Vocabulary& ModelFile::vocabulary() const { return content_->vocabulary.Get(content_->loaded.read_vocabulary); }

const TensorInfo* ModelFile::Find(std::string_view name) const {
  const auto& sorted = content_->by_name;
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), name,
                                   [](const TensorInfo* tensor, std::string_view n) { return tensor->name < n; });
  if (at != sorted.end() && (*at)->name == name) return *at;
  for (const UnreadableTensor& tensor : content_->loaded.unreadable) {
    if (tensor.name == name) ThrowUnreadable(tensor);
  }
  return nullptr;
}

void ModelFile::RequireDecoder() const { RequireDecoderTensors(config(), tensors(), unreadable_tensors()); }

std::string ModelFile::Sha256() const {
  return content_->sha256.Get([this] {
    longshot::Sha256 hash;
    for (const MappedFile& file : content_->loaded.files) {
      hash.Update(file.bytes());
      file.ReleasePages();
    }
    return hash.HexDigest();
  });
}

std::string ModelFile::Checksum() const {
  const BegunChecksum& begun = content_->checksum;
  return begun.text.valid() ? begun.text.get() : ChecksumOf(content_->loaded.files, begun.stop);
}

void ModelFile::BeginChecksum() const {
  // The default policy: where no thread can be had, `Checksum` computes it.
  content_->checksum.text = std::async([this_content = content_.get()] {
                              return ChecksumOf(this_content->loaded.files, this_content->checksum.stop);
                            }).share();
}

void ModelFile::ReleasePages() const {
  for (const MappedFile& file : content_->loaded.files) file.ReleasePages();
}

}  // namespace longshot
