#include "cli/fit_context.h"

#include <fmt/format.h>

#include "cli/memory_table.h"
#include "cli/output.h"
#include "cli/session.h"
#include "runtime/engine/model_target.h"

namespace longshot {

int64_t LargestContext(int64_t least, int64_t most, int64_t available, const std::function<int64_t(int64_t)>& bytes) {
  if (bytes(most) <= available) return most;
  while (least + 1 < most) {
    const int64_t middle = least + (most - least) / 2;
    (bytes(middle) <= available ? least : most) = middle;
  }
  return least;
}

int64_t FitContext(RuntimeOptions& options, const ModelFile& file, const ModelConfig& config, int64_t least,
                   int64_t most) {
  const auto backend = MakeBackend(options, file);  // only asked for sizes
  const DType k_type = CacheType(options.cache_type_k), v_type = CacheType(options.cache_type_v);
  const int64_t weights = Model::WeightBytes(*backend, file);
  const auto bytes = [&](int64_t context) {
    const ModelTargetOptions target{
        .max_context = context, .k_type = k_type, .v_type = v_type, .prefill_rows = PassRows(options)};
    return weights + ModelTarget::ScratchBytes(config, target) +
           backend->KvBytes({config.layers, config.kv_heads, config.head_dim, context, k_type, v_type});
  };
  // A sixteenth is left to the drafter, the text and the rest of the machine.
  const int64_t available = AvailableMemory() / 16 * 15;
  const int64_t context = LargestContext(least, most, available, bytes);
  if (context < most) {
    Note(fmt::format("context: {} of the model's {} tokens, what the free memory holds; -c or -n asks for a length",
                     context, most));
  }
  return context;
}

}  // namespace longshot
