#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "core/error.h"
#include "kernels/backends.h"

namespace longshot {
namespace {

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers Cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  if (!__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d)) return {};
  return r;
}

bool Bit(uint32_t word, int bit) { return (word >> bit) & 1; }

/// State components the operating system saves (XCR0). REQUIRES: OSXSAVE.
uint64_t EnabledState() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

/// Linux hands out the large AMX state on request only.
bool RequestAmxState() {
  constexpr int kArchReqXcompPerm = 0x1023, kXfeatureTileData = 18;
  return ::syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) == 0;
}

std::string BrandString() {
  char text[49] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    const Registers r = Cpuid(0x80000002 + i, 0);
    std::memcpy(text + 16 * i, &r, 16);
  }
  std::string name(text);
  name.erase(0, name.find_first_not_of(' '));
  name.erase(name.find_last_not_of(' ') + 1);
  return name;
}

}  // namespace

CpuFeatures DetectCpu() {
  CpuFeatures f;
  f.model_name = BrandString();
  const Registers basic = Cpuid(1, 0), extended = Cpuid(7, 0), more = Cpuid(7, 1);
  if (!Bit(basic.c, 27)) return f;  // OSXSAVE
  const uint64_t state = EnabledState();
  const bool ymm = (state & 0x6) == 0x6, zmm = (state & 0xe6) == 0xe6, tiles = (state & 0x60000) == 0x60000;
  f.fma = ymm && Bit(basic.c, 12);
  f.f16c = ymm && Bit(basic.c, 29);
  f.avx2 = ymm && Bit(extended.b, 5);
  f.avx_vnni = ymm && Bit(more.a, 4);
  f.avx512 = zmm && Bit(extended.b, 16) && Bit(extended.b, 17) && Bit(extended.b, 30) && Bit(extended.b, 31);
  f.avx512_vnni = f.avx512 && Bit(extended.c, 11);
  f.avx512_bf16 = f.avx512 && Bit(more.a, 5);
  const bool amx = f.avx512_bf16 && tiles && Bit(extended.d, 24) && RequestAmxState();
  f.amx_bf16 = amx && Bit(extended.d, 22);
  f.amx_int8 = amx && Bit(extended.d, 25);
  return f;
}

CpuIsa CpuFeatures::BestIsa() const {
  if (!avx2 || !fma || !f16c) {
    Throw(ErrorCode::kUnsupported, "this processor ({}) lacks AVX2, FMA or F16C, which longshot needs", model_name);
  }
  if (amx_bf16) return CpuIsa::kAmx;
  return avx512 ? CpuIsa::kAvx512 : CpuIsa::kAvx2;
}

}  // namespace longshot
