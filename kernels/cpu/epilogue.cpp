#include "kernels/cpu/epilogue.h"

#include <cstring>

namespace longshot {

void FinishRow(const KernelSet& kernels, const MatmulArgs& args, int64_t first, int64_t outputs, float* part,
               int64_t row) {
  if (args.bias != nullptr) {
    for (int64_t i = 0; i < outputs; ++i) part[i] += args.bias[first + i];
  }
  float* y = args.y.data + row * args.y.stride;
  switch (args.epilogue) {
    case Epilogue::kNone:
      std::memcpy(y + first, part, static_cast<size_t>(outputs) * sizeof(float));
      break;
    case Epilogue::kAdd:
      for (int64_t i = 0; i < outputs; ++i) y[first + i] += part[i];
      break;
    case Epilogue::kSwiGlu:
      kernels.swiglu(part, outputs / 2, y + first / 2);
      break;
  }
}

}  // namespace longshot
