// labels: unit parity
// The store against a trivial model of it: a list of row values per sequence.
#include "runtime/kv/kv_store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "core/error.h"
#include "kernels/backends.h"
#include "tests/draws.h"
#include "tests/kernels/device_matrix.h"

namespace longshot {
namespace {

constexpr KvGeometry kGeometry{
    .layers = 2, .kv_heads = 1, .head_dim = 8, .capacity = 40, .k_type = DType::kF32, .v_type = DType::kF32};

/// Writes rows that all hold their number: k = id, v = -id.
void Write(Backend& backend, KvStore& store, SequenceId sequence, int64_t slot, const std::vector<float>& ids) {
  std::vector<float> k, v;
  for (const float id : ids) k.insert(k.end(), 8, id), v.insert(v.end(), 8, -id);
  DeviceMatrix keys(backend, static_cast<int64_t>(ids.size()), 8, k),
      values(backend, static_cast<int64_t>(ids.size()), 8, v);
  for (int layer = 0; layer < 2; ++layer)
    backend.AppendKv(store.buffer(sequence), layer, slot, keys.view(), values.view());
}

std::vector<float> ReadIds(Backend& backend, KvStore& store, SequenceId sequence, int64_t slot, int64_t rows) {
  std::vector<float> ids;
  if (rows == 0) return ids;
  for (int layer = 0; layer < 2; ++layer) {
    DeviceMatrix k(backend, rows, 8), v(backend, rows, 8);
    backend.ExportKv(store.buffer(sequence), layer, slot, k.view(), v.view());
    const std::vector<float> keys = k.Get(), values = v.Get();
    for (int64_t r = 0; r < rows; ++r) {
      const bool whole = layer == 0 || keys[r * 8] == ids[r] || std::isnan(ids[r]);
      EXPECT_TRUE(whole) << "layers differ in row " << slot + r;
      if (layer == 0) ids.push_back(keys[r * 8]);
      for (int64_t i = 0; i < 8 && !std::isnan(ids[r]); ++i) {
        EXPECT_EQ(keys[r * 8 + i], ids[r]);
        EXPECT_EQ(values[r * 8 + i], -ids[r]);
      }
    }
  }
  return ids;
}

/// What a sequence should be.
struct ModelSequence {
  bool open = false;
  int64_t capacity = 0;
  std::vector<float> committed;
  uint64_t epoch = 0;
};

class Comparison {
 public:
  Comparison(Backend& backend, uint64_t seed) : backend_(backend), store_(&backend), draws_(seed) {
    store_.set_poison(true);
  }

  void Step() {
    switch (draws_.Below(10)) {
      case 0:
        Open();
        break;
      case 1:
        Close();
        break;
      case 2:
        Prefill();
        break;
      case 3:
        Truncate();
        break;
      case 4:
        Overfill();
        break;
      default:
        Speculate();
        break;
    }
    Compare();
  }

 private:
  SequenceId AnyOpen() {
    std::vector<SequenceId> open;
    for (size_t i = 0; i < model_.size(); ++i) {
      if (model_[i].open) open.push_back(static_cast<SequenceId>(i));
    }
    return open.empty() ? Open() : open[static_cast<size_t>(draws_.Below(static_cast<int64_t>(open.size())))];
  }

  SequenceId Open() {
    KvGeometry geometry = kGeometry;
    geometry.capacity = draws_.Between(1, 80);
    const SequenceId sequence = store_.Open(geometry);
    if (static_cast<size_t>(sequence) >= model_.size()) model_.resize(static_cast<size_t>(sequence) + 1);
    EXPECT_FALSE(model_[sequence].open) << "an open sequence was handed out again";
    model_[sequence] = {true, geometry.capacity, {}, store_.epoch(sequence)};
    return sequence;
  }

  void Close() {
    const SequenceId sequence = AnyOpen();
    store_.Close(sequence);
    model_[sequence].open = false;
  }

  std::vector<float> Fresh(int64_t rows) {
    std::vector<float> ids;
    for (int64_t i = 0; i < rows; ++i) ids.push_back(static_cast<float>(++written_));
    return ids;
  }

  void Prefill() {
    const SequenceId sequence = AnyOpen();
    ModelSequence& m = model_[sequence];
    const auto committed = static_cast<int64_t>(m.committed.size());
    if (committed == m.capacity) return;
    const std::vector<float> ids = Fresh(draws_.Between(1, m.capacity - committed));
    Write(backend_, store_, sequence, committed, ids);
    store_.CommitPrefill(sequence, static_cast<int64_t>(ids.size()));
    m.committed.insert(m.committed.end(), ids.begin(), ids.end());
    ++m.epoch;
  }

  void Truncate() {
    const SequenceId sequence = AnyOpen();
    ModelSequence& m = model_[sequence];
    m.committed.resize(static_cast<size_t>(draws_.Between(0, static_cast<int64_t>(m.committed.size()))));
    store_.Truncate(sequence, static_cast<int64_t>(m.committed.size()));
    ++m.epoch;
  }

  void Overfill() {
    const SequenceId sequence = AnyOpen();
    const ModelSequence& m = model_[sequence];
    const auto committed = static_cast<int64_t>(m.committed.size());
    try {
      store_.BeginRound(sequence, m.capacity - committed + 1);
      ADD_FAILURE() << "a round beyond the capacity began";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCapacity);
    }
  }

  /// A round whose rows are written twice (draft, then verification) and a random path committed, or nothing.
  void Speculate() {
    const SequenceId sequence = AnyOpen();
    ModelSequence& m = model_[sequence];
    const auto committed = static_cast<int64_t>(m.committed.size());
    if (committed == m.capacity) return;
    const int64_t rows = draws_.Between(1, std::min<int64_t>(m.capacity - committed, 12));
    std::optional<Round> round = store_.BeginRound(sequence, rows);
    EXPECT_EQ(round->base(), committed);
    EXPECT_EQ(round->rows(), rows);
    EXPECT_EQ(store_.length(sequence), committed + rows);
    Write(backend_, store_, sequence, committed, Fresh(rows));
    const std::vector<float> ids = Fresh(rows);
    Write(backend_, store_, sequence, committed, ids);
    if (draws_.Chance(0.3)) {
      Round moved = std::move(*round);
      round.reset();  // the empty shell ends nothing
      EXPECT_EQ(store_.length(sequence), committed + rows);
      return;  // dropped: nothing is kept
    }
    std::vector<NodeId> path = {0};
    for (NodeId node = 1; node < rows; ++node) {
      if (draws_.Chance(0.5)) path.push_back(node);
    }
    round->Commit(path);
    for (const NodeId node : path) m.committed.push_back(ids[static_cast<size_t>(node)]);
    ++m.epoch;
  }

  void Compare() {
    int64_t bytes = 0;
    for (size_t i = 0; i < model_.size(); ++i) {
      const ModelSequence& m = model_[i];
      const auto sequence = static_cast<SequenceId>(i);
      if (!m.open) continue;
      const auto committed = static_cast<int64_t>(m.committed.size());
      EXPECT_EQ(store_.committed(sequence), committed);
      EXPECT_EQ(store_.length(sequence), committed) << "no round is open";
      EXPECT_EQ(store_.capacity(sequence), m.capacity);
      EXPECT_EQ(store_.epoch(sequence), m.epoch);
      EXPECT_EQ(ReadIds(backend_, store_, sequence, 0, committed), m.committed) << "sequence " << sequence;
      bytes += store_.buffer(sequence).bytes();
    }
    EXPECT_EQ(store_.bytes(), bytes);
  }

  Backend& backend_;
  KvStore store_;
  Draws draws_;
  std::vector<ModelSequence> model_;
  int64_t written_ = 0;
};

void CompareManySteps(Backend& backend) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    Comparison comparison(backend, seed);
    for (int step = 0; step < 120; ++step) {
      SCOPED_TRACE(fmt::format("seed {} step {}", seed, step));
      comparison.Step();
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(KvStore, BehavesAsAListOfRowsOnTheReference) { CompareManySteps(*MakeReferenceBackend()); }
TEST(KvStore, BehavesAsAListOfRowsOnTheCpu) { CompareManySteps(*MakeCpuBackend({})); }

/// A store with one sequence of `rows` committed rows, numbered from 1.
struct Filled {
  explicit Filled(int64_t rows)
      : backend(MakeReferenceBackend()), store(backend.get()), sequence(store.Open(kGeometry)) {
    if (rows == 0) return;
    std::vector<float> ids;
    for (int64_t i = 1; i <= rows; ++i) ids.push_back(static_cast<float>(i));
    Write(*backend, store, sequence, 0, ids);
    store.CommitPrefill(sequence, rows);
  }
  std::unique_ptr<Backend> backend;
  KvStore store;
  SequenceId sequence;
};

TEST(KvStore, FreedRowsArePoisonedOnRequest) {
  Filled f(10);
  f.store.set_poison(true);
  {
    Round round = f.store.BeginRound(f.sequence, 5);
    Write(*f.backend, f.store, f.sequence, 10, {101, 102, 103, 104, 105});
    round.Commit(std::vector<NodeId>{0, 2, 4});
  }
  const std::vector<float> rows = ReadIds(*f.backend, f.store, f.sequence, 0, 15);
  EXPECT_EQ(rows[10], 101);
  EXPECT_EQ(rows[11], 103);
  EXPECT_EQ(rows[12], 105);
  EXPECT_TRUE(std::isnan(rows[13]) && std::isnan(rows[14])) << "rows of the round that were not kept";
  { const Round dropped = f.store.BeginRound(f.sequence, 2); }
  EXPECT_TRUE(std::isnan(ReadIds(*f.backend, f.store, f.sequence, 13, 1)[0]));
}

TEST(KvStore, AFullCacheSaysHowFull) {
  Filled f(38);
  try {
    f.store.BeginRound(f.sequence, 3);
    FAIL() << "a round beyond the capacity began";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCapacity);
    EXPECT_STREQ(error.what(), "KV cache is full: 38 rows committed, 3 more wanted, capacity 40: use a larger -c");
  }
  f.store.BeginRound(f.sequence, 2).Commit(std::vector<NodeId>{0, 1});  // the failure left nothing open
  EXPECT_EQ(f.store.committed(f.sequence), 40);
}

TEST(KvStore, AssigningARoundEndsTheOldOne) {
  Filled f(4);
  const SequenceId other = f.store.Open(kGeometry);
  Round round = f.store.BeginRound(f.sequence, 3);
  round = f.store.BeginRound(other, 2);
  EXPECT_EQ(f.store.length(f.sequence), 4);
  EXPECT_EQ(f.store.length(other), 2);
}

TEST(KvStore, AReusedIdHasAnotherEpoch) {
  Filled f(0);
  const uint64_t before = f.store.epoch(f.sequence);
  f.store.Close(f.sequence);
  EXPECT_EQ(f.store.Open(kGeometry), f.sequence);
  EXPECT_NE(f.store.epoch(f.sequence), before) << "a view of the closed sequence would look fresh";
}

TEST(KvStore, AFailedOpenLeavesNothing) {
  const auto backend = MakeCpuBackend({});
  KvStore store(backend.get());
  KvGeometry huge = kGeometry;
  huge.capacity = int64_t{1} << 45;
  EXPECT_THROW(store.Open(huge), Error);
  EXPECT_EQ(store.bytes(), 0);
  EXPECT_EQ(store.Open(kGeometry), 0);
}

TEST(KvStoreDeath, MisuseIsCaught) {
  EXPECT_DEATH(Filled(1).store.committed(5), "CHECK.*sequence 5");
  EXPECT_DEATH(Filled(1).store.committed(-1), "CHECK.*sequence -1");
  const auto use_after_close = [] {
    Filled f(1);
    f.store.Close(f.sequence);
    f.store.committed(f.sequence);
  };
  EXPECT_DEATH(use_after_close(), "CHECK.*sequence 0");
  const auto two_rounds = [] {
    Filled f(1);
    const Round a = f.store.BeginRound(f.sequence, 1), b = f.store.BeginRound(f.sequence, 1);
  };
  EXPECT_DEATH(two_rounds(), "one round at a time");
  const auto empty_round = [] { Filled(1).store.BeginRound(0, 0); };
  EXPECT_DEATH(empty_round(), "CHECK");
  const auto close_in_round = [] {
    Filled f(1);
    const Round a = f.store.BeginRound(f.sequence, 1);
    f.store.Close(f.sequence);
  };
  EXPECT_DEATH(close_in_round(), "a round of sequence 0 is open");
  const auto truncate_in_round = [] {
    Filled f(1);
    const Round a = f.store.BeginRound(f.sequence, 1);
    f.store.Truncate(f.sequence, 0);
  };
  EXPECT_DEATH(truncate_in_round(), "CHECK");
  EXPECT_DEATH(Filled(3).store.Truncate(0, 4), "CHECK");
  EXPECT_DEATH(Filled(3).store.Truncate(0, -1), "CHECK");
  EXPECT_DEATH(Filled(3).store.CommitPrefill(0, 38), "CHECK");
  EXPECT_DEATH(Filled(3).store.CommitPrefill(0, -1), "CHECK");
}

TEST(KvStoreDeath, WrongPathsAreCaught) {
  const auto commit = [](std::vector<NodeId> path) {
    Filled f(1);
    f.store.BeginRound(f.sequence, 3).Commit(path);
  };
  EXPECT_DEATH(commit({}), "CHECK.*path.empty");
  EXPECT_DEATH(commit({1}), "CHECK.*path\\[0\\] == 0");
  EXPECT_DEATH(commit({0, 3}), "path node 3 of 3 rows");
  EXPECT_DEATH(commit({0, 2, 1}), "path node 1 of 3 rows");
  EXPECT_DEATH(commit({0, 0}), "path node 0 of 3 rows");
  const auto twice = [] {
    Filled f(1);
    Round round = f.store.BeginRound(f.sequence, 3);
    round.Commit(std::vector<NodeId>{0});
    round.Commit(std::vector<NodeId>{0});
  };
  EXPECT_DEATH(twice(), "CHECK\\(store_ != nullptr");
}

TEST(KvStore, RowsAreCopiedIntoAnEmptySequence) {
  const auto backend = MakeReferenceBackend();
  KvStore store(backend.get());
  KvGeometry small = kGeometry;
  small.capacity = 3;
  const SequenceId from = store.Open(kGeometry), to = store.Open(small), none = store.Open(kGeometry);
  Write(*backend, store, from, 0, {1, 2, 3, 4});
  store.CommitPrefill(from, 4);
  store.CopyRows(from, to, 3);
  EXPECT_EQ(ReadIds(*backend, store, to, 0, 3), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(store.committed(to), 3);
  EXPECT_EQ(store.committed(from), 4);
  store.CopyRows(from, none, 0);
  EXPECT_EQ(store.committed(none), 0);
  EXPECT_DEATH(store.CopyRows(from, to, 1), "has 3 rows already");
}

TEST(KvStore, ALayerIsLoadedIntoAnEmptySequenceOnly) {
  const auto backend = MakeReferenceBackend();
  KvStore store(backend.get());
  const SequenceId from = store.Open(kGeometry), to = store.Open(kGeometry);
  Write(*backend, store, from, 0, {1, 2, 3, 4});
  store.CommitPrefill(from, 4);
  for (int layer = 0; layer < 2; ++layer) {
    std::vector<std::byte> image(store.ImageBytes(from, 4));
    store.SaveLayer(from, layer, 4, image);
    store.LoadLayer(to, layer, 3, image, 4);
  }
  EXPECT_EQ(store.committed(to), 0) << "rows are not committed before the last layer has come";
  store.CommitPrefill(to, 3);
  EXPECT_EQ(ReadIds(*backend, store, to, 0, 3), (std::vector<float>{1, 2, 3}));
  std::vector<std::byte> image(store.ImageBytes(from, 5));
  EXPECT_DEATH(store.SaveLayer(from, 0, 5, image), "5 rows of 4 committed ones");
  EXPECT_DEATH(store.LoadLayer(to, 0, 3, image, 5), "has 3 rows already");
}

}  // namespace
}  // namespace longshot
