#include "runtime/kv/kv_store.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/error.h"
#include "core/line_vector.h"
#include "core/side_threads.h"

namespace longshot {

Round::Round(Round&& other) noexcept { *this = std::move(other); }

Round& Round::operator=(Round&& other) noexcept {
  if (this == &other) return *this;
  if (store_ != nullptr) store_->EndRound(sequence_);
  store_ = std::exchange(other.store_, nullptr);
  sequence_ = other.sequence_;
  base_ = other.base_;
  rows_ = other.rows_;
  return *this;
}

Round::~Round() {
  if (store_ != nullptr) store_->EndRound(sequence_);
}

void Round::Commit(std::span<const NodeId> path) {
  CHECK(store_ != nullptr && !path.empty() && path[0] == 0);
  KvStore& store = *std::exchange(store_, nullptr);
  KvStore::Entry& entry = store.At(sequence_);
  store.slots_.clear();
  for (size_t i = 0; i < path.size(); ++i) {
    CHECK(path[i] < rows_ && (i == 0 || path[i] > path[i - 1]), "path node {} of {} rows", path[i], rows_);
    store.slots_.push_back(base_ + path[i]);
  }
  const auto kept = static_cast<int64_t>(path.size());
  if (path.back() + 1 != kept) store.backend_->CompactKv(*entry.buffer, base_, store.slots_);
  entry.committed += kept;
  ++entry.epoch;
  store.EndRound(sequence_);
}

KvStore::Entry& KvStore::At(SequenceId sequence) {
  CHECK(sequence >= 0 && static_cast<size_t>(sequence) < entries_.size() && entries_[sequence].buffer, "sequence {}",
        sequence);
  return entries_[sequence];
}

const KvStore::Entry& KvStore::At(SequenceId sequence) const { return const_cast<KvStore*>(this)->At(sequence); }

SequenceId KvStore::Open(const KvGeometry& geometry) {
  SequenceId sequence = 0;
  while (static_cast<size_t>(sequence) < entries_.size() && entries_[sequence].buffer) ++sequence;
  if (static_cast<size_t>(sequence) == entries_.size()) entries_.emplace_back();
  const uint64_t epoch = entries_[sequence].epoch + 1;  // views of the sequence that had the id before are stale
  entries_[sequence] = {.buffer = backend_->AllocateKv(geometry), .epoch = epoch};
  return sequence;
}

void KvStore::Close(SequenceId sequence) {
  CHECK(!At(sequence).round_open, "a round of sequence {} is open", sequence);
  At(sequence).buffer.reset();
}

int64_t KvStore::capacity(SequenceId sequence) const { return At(sequence).buffer->geometry().capacity; }

int64_t KvStore::bytes() const {
  int64_t total = 0;
  for (const Entry& entry : entries_) total += entry.buffer ? entry.buffer->bytes() : 0;
  return total;
}

Round KvStore::BeginRound(SequenceId sequence, int64_t rows) {
  Entry& entry = At(sequence);
  CHECK(!entry.round_open && rows > 0, "sequence {}: one round at a time", sequence);
  if (entry.committed + rows > capacity(sequence)) {
    Throw(ErrorCode::kCapacity, "KV cache is full: {} rows committed, {} more wanted, capacity {}: use a larger -c",
          entry.committed, rows, capacity(sequence));
  }
  slots_.reserve(rows);
  entry.round_open = true;
  entry.round_rows = rows;
  return Round(this, sequence, entry.committed, rows);
}

void KvStore::EndRound(SequenceId sequence) {
  Entry& entry = At(sequence);
  if (poison_) backend_->PoisonKv(*entry.buffer, entry.committed, entry.round_rows);
  entry.round_rows = 0;
  entry.round_open = false;
}

void KvStore::CommitPrefill(SequenceId sequence, int64_t rows) {
  Entry& entry = At(sequence);
  CHECK(!entry.round_open && rows >= 0 && entry.committed + rows <= capacity(sequence));
  entry.committed += rows;
  ++entry.epoch;
}

int64_t KvStore::ImageBytes(SequenceId sequence, int64_t rows) const {
  return backend_->KvImageBytes(At(sequence).buffer->geometry(), rows);
}

void KvStore::SaveLayer(SequenceId sequence, int layer, int64_t rows, std::span<std::byte> image) const {
  const Entry& entry = At(sequence);
  CHECK(rows <= entry.committed, "{} rows of {} committed ones", rows, entry.committed);
  backend_->SaveKv(*entry.buffer, layer, rows, image);
}

void KvStore::LoadLayer(SequenceId sequence, int layer, int64_t rows, std::span<const std::byte> image,
                        int64_t image_rows) {
  const Entry& entry = At(sequence);
  CHECK(!entry.round_open && entry.committed == 0, "sequence {} has {} rows already", sequence, entry.committed);
  backend_->LoadKv(*entry.buffer, layer, rows, image, image_rows);
}

void KvStore::CopyRows(SequenceId from, SequenceId to, int64_t rows) {
  constexpr int kThreads = 2;  // copying is as fast as memory
  const auto bytes = static_cast<size_t>(ImageBytes(from, rows));
  std::atomic<int> next{0};
  RunOnThreads(std::min(kThreads, backend_->Describe().threads), [&] {
    LineVector<std::byte> image;
    for (int layer; (layer = next.fetch_add(1)) < geometry(from).layers;) {
      image.assign(bytes, std::byte{0});
      SaveLayer(from, layer, rows, image);
      LoadLayer(to, layer, rows, image, rows);
    }
  });
  CommitPrefill(to, rows);
}

void KvStore::Truncate(SequenceId sequence, int64_t length) {
  Entry& entry = At(sequence);
  CHECK(!entry.round_open && length >= 0 && length <= entry.committed);
  entry.committed = length;
  ++entry.epoch;
}

}  // namespace longshot
