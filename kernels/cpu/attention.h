#pragma once

#include <vector>

#include "core/thread_team.h"
#include "kernels/cpu/cpu_kv.h"
#include "kernels/cpu/kernel_set.h"
#include "kernels/kernels.h"

namespace longshot {

/// Keys of one chunk: the unit of work over the context, and of the ascending merge of partial results.
inline constexpr int64_t kKeyChunk = 512;

/// Tree attention on CPU. A row's result is a fixed function of the blocks of 64 absolute positions it sees: blocks in
/// ascending order within chunks of 512, chunks merged in ascending order, whichever thread made them. Blocks whose
/// slots are positions are read in place; in a branching tree the blocks from the border on are assembled per row from
/// committed rows and the row's ancestors, so they hold the same bits as after a commit.
class CpuAttention {
 public:
  CpuAttention(ThreadTeam* team, const KernelSet* kernels) : team_(team), kernels_(kernels), workers_(team->size()) {}

  void Run(const AttentionArgs& args);

 private:
  /// Running softmax of the query rows of one unit.
  struct State {
    std::vector<float> max, sum, acc;
    void Reserve(int dim);
    void Reset(int rows, int dim);
  };
  struct Worker {
    std::vector<float> queries;
    std::vector<uint16_t> bf16_queries;
    State chunk, total;
    std::vector<std::byte> key_block, value_block;
    std::vector<uint64_t> masks;
    BlockScratch scratch;
  };
  /// What is fixed during one call.
  struct Plan;
  struct Unit;

  /// Passes of fewer units share the context out by chunks.
  int64_t SplitUnits() const { return 4 * team_->size(); }
  /// Makes room for every pass over the plan's cache, so that later ones allocate nothing.
  void Reserve(const Plan& plan);
  void PrepareQueries(const Plan& plan, const Unit& unit, Worker& worker) const;
  void RunChunk(const Plan& plan, const Unit& unit, int64_t chunk, Worker& worker) const;
  void AttendInPlace(const Plan& plan, const Unit& unit, int64_t block, const SoftmaxRows& rows, Worker& worker) const;
  void AttendAssembled(const Plan& plan, const Unit& unit, int64_t block, const SoftmaxRows& rows,
                       Worker& worker) const;
  void RunWhole(const Plan& plan, const Unit& unit, Worker& worker) const;
  void RunSplit(const Plan& plan);
  void MergePartials(const Plan& plan, int64_t row, int head) const;

  ThreadTeam* team_;
  const KernelSet* kernels_;
  std::vector<Worker> workers_;
  std::vector<float> partials_;
};

}  // namespace longshot
