#pragma once

#include "session/memory_table.h"
#include "kernels/kernels.h"
#include "runtime/model/model_file.h"

namespace longshot {

/// What decides the memory of a run.
struct MemoryRequest {
  int64_t context = 0;      ///< tokens of KV
  int64_t kept_tokens = 0;  ///< of another sequence, whose rows answers share
  DType k_type = DType::kBF16;
  DType v_type = DType::kBF16;
  int64_t pass_rows = 0;     ///< rows of the largest pass
  int64_t logit_rows = 0;    ///< of them, with logits
  int64_t draft = 0;         ///< bytes of the drafter
  int64_t draft_tokens = 0;  ///< of a sequence of the drafter's own
};

/// The memory of a run of `file` on `backend`, upper bounds, before anything is allocated: the one account that every
/// command gives. Scratch counts the rows of a pass, their logits, the products' copies of the widest rows, and partial
/// attention results of the rows that have logits; pages of it that no pass needs are never touched.
MemoryTable PlanMemory(const Backend& backend, const ModelFile& file, const MemoryRequest& request);

/// Prints that table on standard error. Errors: kCapacity when the machine has less to give.
MemoryTable RequireMemory(const Backend& backend, const ModelFile& file, const MemoryRequest& request);

}  // namespace longshot
