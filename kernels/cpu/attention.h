#pragma once

#include <vector>

#include "core/line_vector.h"
#include "core/thread_team.h"
#include "kernels/cpu/cpu_kv.h"
#include "kernels/cpu/kernel_set.h"
#include "kernels/kernels.h"

namespace longshot {

/// Keys of one chunk: the unit of work over the context, and of the ascending merge of partial results.
inline constexpr int64_t kKeyChunk = 512;

/// Tree attention on CPU. A row's result is a fixed function of the keys it sees: steps of 256 absolute positions in
/// ascending order within chunks of 512, chunks merged in ascending order, whichever thread made them. Blocks whose
/// slots are positions are read in place; in a branching tree the blocks from the border on are assembled per row from
/// committed rows and the row's ancestors, so they hold the same bits as after a commit.
class CpuAttention {
 public:
  /// `q8`: the kernel of rows in q8_0. `prompt`: those of prompt rows, nullptr: the ones of all rows.
  CpuAttention(ThreadTeam* team, const KernelSet* kernels, const RowTypeKernel* q8, const PromptKernels* prompt)
      : team_(team), kernels_(kernels), q8_(q8), prompt_(prompt), workers_(team->size()) {}

  void Run(const AttentionArgs& args);

 private:
  /// Running softmax of the query rows of one unit.
  struct State {
    LineVector<float> max, sum, acc;
    void Reset(int rows, int dim);
    PartialRow Row(int row, int dim) { return {&max[row], &sum[row], &acc[static_cast<size_t>(row) * dim]}; }
  };
  /// What is fixed during one call.
  struct Plan;
  struct Unit;
  struct Step;
  class Session;

  struct Worker {
    LineVector<std::byte> queries;
    int64_t prepared = -1;  ///< the unit whose queries these are, in a split pass
    State chunk, total;
    LineVector<float> scores;
    std::vector<StepMask> masks;
    LineVector<std::byte> block;                           ///< an assembled block of keys or values
    LineVector<std::byte> step_values;                     ///< values of a step that hides some
    LineVector<std::byte> unpacked_keys, unpacked_values;  ///< of a step, where products read another form
    // Of values that have scales.
    LineVector<float> value_scales;  ///< [rows, kKeyStep]
    LineVector<int32_t> sums;        ///< [rows, dim]

    SoftmaxRows Rows(const Plan& plan, const Unit& unit);
  };

  /// Passes of fewer units share a context of several chunks out by them.
  int64_t SplitUnits() const { return 4 * team_->size(); }
  /// Makes room for every pass over the plan's cache, so that later ones allocate nothing.
  void MakeRoom(const Plan& plan);
  /// Floats of one partial result: max, sum, then acc on a line of its own.
  static int64_t PartialRecord(const Plan& plan);
  void PrepareQueries(const Plan& plan, const Unit& unit, Worker& worker) const;
  void RunChunk(const Plan& plan, const Unit& unit, int64_t chunk, Worker& worker) const;
  void RunStep(const Plan& plan, const Unit& unit, int64_t index, Worker& worker) const;
  void AttendInPlace(const Plan& plan, const Unit& unit, const Step& step, Worker& worker) const;
  void AttendAssembled(const Plan& plan, const Unit& unit, const Step& step, Worker& worker) const;
  template <class Use>
  void ForAssembled(const Plan& plan, const Unit& unit, const Step& step, bool keys, Worker& worker, Use&& use) const;
  const std::byte* StepValues(const Plan& plan, const Unit& unit, const Step& step, Worker& worker) const;
  const std::byte* Readable(const Plan& plan, const Step& step, bool keys, const std::byte* stored,
                            Worker& worker) const;
  void GatherValueScales(const Plan& plan, const Step& step, const std::byte* values, Worker& worker) const;
  void SpreadValueScales(const Plan& plan, const Unit& unit, const Step& step, Worker& worker) const;
  void RunWhole(const Plan& plan, const Unit& unit, Worker& worker) const;
  void RunItem(const Plan& plan, int64_t item, Worker& worker);
  void RunSplit(const Plan& plan);
  void MergePartials(const Plan& plan, int64_t row, int head);

  ThreadTeam* team_;
  const KernelSet* kernels_;
  const RowTypeKernel* q8_;
  const PromptKernels* prompt_;
  std::vector<Worker> workers_;
  LineVector<float> partials_;
};

}  // namespace longshot
