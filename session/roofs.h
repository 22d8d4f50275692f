#pragma once

#include <cstdint>

#include "kernels/kernels.h"
#include "runtime/model/model.h"

namespace longshot {

/// What the machine can do, probed in the same run as what is compared with it.
struct Roofs {
  double bytes_per_ms = 0;  ///< reads of a buffer far larger than the caches, all threads
  double flops_per_ms = 0;  ///< products of floats (`Backend::PeakProductRate`), all threads
};

/// Best of several tries, bytes per millisecond. Makes and ends a thread team of its own, and takes `kProbeBytes`.
/// Cost: about half a second.
double ProbeReadBandwidth(int threads);
inline constexpr int64_t kProbeBytes = int64_t{512} << 20;  ///< past the last-level caches of today's servers

/// Both, for the threads and the numeric path of `backend`.
Roofs ProbeRoofs(Backend& backend);

/// Least work of a pass: what has to be read and multiplied whatever the kernels do.
struct PassWork {
  double bytes = 0;  ///< weights once, and the KV rows that are seen
  double flops = 0;
};

/// A pass of `rows` consecutive rows behind `depth` cached ones. `head`: logits for every row.
PassWork WorkOfPass(const Model& model, int64_t depth, int64_t rows, bool head, int64_t kv_bytes_per_token);

/// Shortest time of a pass that must read its bytes and do its operations as floats: the longer of the two. Products of
/// integers may be faster.
double FloorMs(const PassWork& work, const Roofs& roofs);

/// Shortest time of a prompt pass, where the reads vanish beside the operations.
double PrefillFloorMs(const PassWork& work, const Roofs& roofs);

}  // namespace longshot
