// Choosing a backend: what this processor has, and what is refused in which words.
#include "kernels/backends.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

std::string RefusalOf(const CpuOptions& options) {
  try {
    MakeCpuBackend(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    return error.what();
  }
  return "made";
}

TEST(CpuFeatures, ABetterInstructionSetBringsTheLowerOnes) {
  const CpuFeatures f = DetectCpu();
  EXPECT_FALSE(f.model_name.empty());
  EXPECT_LE(f.amx_bf16, f.avx512_bf16);
  EXPECT_LE(f.avx512_bf16, f.avx512);
  EXPECT_LE(f.avx512, f.avx2);
}

TEST(CpuFeatures, TheBestIsTakenAndTooLittleIsRefused) {
  CpuFeatures f;
  f.model_name = "Old One";
  f.avx2 = true, f.fma = true;
  try {
    f.BestIsa();
    FAIL() << "a processor without F16C was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_STREQ(error.what(), "this processor (Old One) lacks AVX2, FMA or F16C, which longshot needs");
  }
  f.f16c = true;
  EXPECT_EQ(f.BestIsa(), CpuIsa::kAvx2);
  f.avx512 = true;
  EXPECT_EQ(f.BestIsa(), CpuIsa::kAvx512);
  f.avx512_bf16 = f.amx_bf16 = true;
  EXPECT_EQ(f.BestIsa(), CpuIsa::kAmx);
}

TEST(CpuBackend, TheDefaultIsTheBest) {
  RunInChildProcess("default", [] {
    const CpuFeatures f = DetectCpu();
    const auto backend = MakeCpuBackend({.threads = 2, .isa = {}, .weights = {}});
    const BackendInfo info = backend->Describe();
    EXPECT_EQ(info.name, "cpu");
    EXPECT_EQ(info.threads, 2);
    EXPECT_EQ(info.device, f.model_name);
    EXPECT_EQ(info.numeric_path, f.amx_bf16      ? "amx bf16"
                                 : f.avx512_bf16 ? "avx512 bf16"
                                 : f.avx512      ? "avx512 f32"
                                                 : "avx2 f32");
  });
}

TEST(CpuBackend, WhatTheProcessorLacksIsRefused) {
  RunInChildProcess("bf16", [] {
    EXPECT_EQ(RefusalOf({.threads = 1, .isa = CpuIsa::kAvx2, .weights = WeightType::kBF16}),
              "bf16 weights need AVX-512 BF16 or AMX; avx2 computes in f32");
  });
  const CpuFeatures f = DetectCpu();
  if (f.BestIsa() == CpuIsa::kAmx) GTEST_SKIP() << "this processor lacks no instruction set";
  RunInChildProcess("amx", [&] {
    const std::string best = f.BestIsa() == CpuIsa::kAvx512 ? "avx512" : "avx2";
    EXPECT_EQ(RefusalOf({.threads = 1, .isa = CpuIsa::kAmx, .weights = {}}),
              "--cpu-isa amx: this processor (" + f.model_name + ") goes up to " + best);
  });
}

TEST(CpuBackend, OneInstructionSetPerProcess) {
  if (!DetectCpu().avx512) GTEST_SKIP() << "this processor has one instruction set only";
  RunInChildProcess("two", [] {
    EXPECT_EQ(RefusalOf({.threads = 1, .isa = CpuIsa::kAvx2, .weights = {}}), "made");
    EXPECT_EQ(RefusalOf({.threads = 1, .isa = CpuIsa::kAvx2, .weights = {}}), "made");
    EXPECT_EQ(RefusalOf({.threads = 1, .isa = CpuIsa::kAvx512, .weights = {}}),
              "the matrix library keeps its first instruction set: use one --cpu-isa per process");
  });
}

TEST(Backends, MemoryIsGivenAndCopied) {
  RunInChildProcess("memory", [] {
    const std::vector<float> values = {1, 2, 3};
    for (const auto& backend : {MakeReferenceBackend(), MakeCpuBackend({})}) {
      const auto buffer = backend->Allocate(3);
      std::vector<float> back(3);
      backend->Upload(values, buffer->data());
      backend->Synchronize();
      backend->Download(buffer->data(), back);
      EXPECT_EQ(back, values);
      EXPECT_NE(backend->Allocate(0)->data(), nullptr);
    }
  });
}

TEST(CpuBackend, WorkingMemoryThatIsNotThereIsAnError) {
  RunInChildProcess("too much", [] {
    try {
      MakeCpuBackend({})->Allocate(int64_t{1} << 48);
      FAIL() << "2^50 bytes were given";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCapacity);
      EXPECT_STREQ(error.what(), "1073741824 MiB of working memory are not available");
    }
  });
}

}  // namespace
}  // namespace longshot
