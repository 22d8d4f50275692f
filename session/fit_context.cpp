#include "session/fit_context.h"

#include <fmt/format.h>

#include "session/loaded_target.h"
#include "session/output.h"
#include "session/session.h"

namespace longshot {

int64_t LargestContext(int64_t least, int64_t most, int64_t available, const std::function<int64_t(int64_t)>& bytes) {
  if (bytes(most) <= available) return most;
  while (least + 1 < most) {
    const int64_t middle = least + (most - least) / 2;
    (bytes(middle) <= available ? least : most) = middle;
  }
  return least;
}

int64_t FitContext(RuntimeOptions& options, const ModelFile& file, int64_t least, int64_t most, bool drafts_beside) {
  const auto backend = MakeBackend(options, file);  // only asked for sizes
  const auto bytes = [&](int64_t context) {
    const int64_t beside = drafts_beside ? context : 0;
    return PlanMemory(*backend, file, RequestFor(TargetOptions(options, context), 0, beside)).total();
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
