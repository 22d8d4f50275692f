#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "core/types.h"
#include "kernels/kernels.h"

namespace longshot {

class KvStore;

/// Speculative rows of one sequence: slots committed .. committed + rows - 1. Draft passes and the verification
/// write them; `Commit` keeps a path, dropping the object keeps nothing. One round per sequence at a time.
class Round {
 public:
  Round(Round&& other) noexcept;
  Round& operator=(Round&& other) noexcept;
  ~Round();

  int64_t base() const { return base_; }  ///< committed rows when the round began
  int64_t rows() const { return rows_; }

  /// Makes the rows of `path` (node indices, root first, ascending) the newest committed rows and ends the round.
  /// Stored keys were rotated at base + depth, which is where they land: nothing is re-rotated.
  /// REQUIRES: path is not empty, starts with 0, each node's depth is its place in the path.
  void Commit(std::span<const NodeId> path);

 private:
  friend class KvStore;
  Round(KvStore* store, SequenceId sequence, int64_t base, int64_t rows)
      : store_(store), sequence_(sequence), base_(base), rows_(rows) {}

  KvStore* store_ = nullptr;
  SequenceId sequence_ = 0;
  int64_t base_ = 0, rows_ = 0;
};

/// Owner of every KV row. Geometry belongs to the sequence. Invariant: committed <= length <= capacity, where
/// length counts the rows of an open round too.
class KvStore {
 public:
  explicit KvStore(Backend* backend) : backend_(backend) {}

  /// Allocates rows for a sequence. Errors: kCapacity when memory is short.
  SequenceId Open(const KvGeometry& geometry);
  void Close(SequenceId sequence);

  int64_t committed(SequenceId sequence) const { return At(sequence).committed; }
  int64_t length(SequenceId sequence) const { return At(sequence).committed + At(sequence).round_rows; }
  int64_t capacity(SequenceId sequence) const;
  /// Changes with every commit and truncation: a view made for another epoch is stale.
  uint64_t epoch(SequenceId sequence) const { return At(sequence).epoch; }
  KvBuffer& buffer(SequenceId sequence) { return *At(sequence).buffer; }
  const KvGeometry& geometry(SequenceId sequence) const { return At(sequence).buffer->geometry(); }
  int64_t bytes() const;

  /// Reserves `rows` speculative slots. REQUIRES: no round is open. Errors: kCapacity when they do not fit.
  Round BeginRound(SequenceId sequence, int64_t rows);
  /// Declares rows [committed, committed + rows), already written by a prefill pass, committed.
  void CommitPrefill(SequenceId sequence, int64_t rows);
  /// Bytes of the image of one layer's first `rows` rows: what a file holds of them (`Backend::SaveKv`).
  int64_t ImageBytes(SequenceId sequence, int64_t rows) const;
  /// Copies the first `rows` rows of a layer into `image`. Several threads may save different layers.
  /// REQUIRES: rows <= committed; image holds zeros.
  void SaveLayer(SequenceId sequence, int layer, int64_t rows, std::span<std::byte> image) const;
  /// Writes the first `rows` rows of an image of `image_rows` into a layer; `CommitPrefill` declares them once every
  /// layer has its own. Several threads may load different layers.
  /// REQUIRES: nothing is committed, no round is open, rows <= capacity and image_rows.
  void LoadLayer(SequenceId sequence, int layer, int64_t rows, std::span<const std::byte> image, int64_t image_rows);
  /// Gives an empty sequence the first `rows` committed rows of another one. REQUIRES: the same geometry but for the
  /// capacity, no round is open in `to`, rows <= committed and its capacity.
  void CopyRows(SequenceId from, SequenceId to, int64_t rows);
  /// Forgets committed rows from `length` on (a user's edit, a shared prefix). REQUIRES: no round is open.
  void Truncate(SequenceId sequence, int64_t length);
  /// After each commit, overwrite freed rows with NaN (tests).
  void set_poison(bool poison) { poison_ = poison; }

 private:
  friend class Round;
  struct Entry {
    std::unique_ptr<KvBuffer> buffer;
    int64_t committed = 0;
    int64_t round_rows = 0;
    bool round_open = false;
    uint64_t epoch = 0;
  };
  Entry& At(SequenceId sequence);
  const Entry& At(SequenceId sequence) const;
  void EndRound(SequenceId sequence);

  Backend* backend_;
  bool poison_ = false;
  std::vector<Entry> entries_;
  std::vector<int64_t> slots_;  ///< of the path being committed
};

}  // namespace longshot
