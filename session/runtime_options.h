#pragma once

#include <cstdint>
#include <string>

#include "runtime/config/field.h"

namespace longshot {

/// The model that every command takes by default.
inline constexpr const char* kDefaultModel = "models/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Which file a command reads.
struct ModelOptions {
  std::string model = kDefaultModel;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "model", .flags = "-m,--model", .unit = "PATH", .help = "GGUF file or Hugging Face folder"},
          self.model);
  }
};

/// How a model is held and run: shared by every command that computes.
struct RuntimeOptions {
  ModelOptions file;
  int64_t threads = 0;
  std::string cpu_isa;
  std::string weight_type = "auto";
  int64_t gpu_layers = 0;
  std::string cache_type_k = "bf16";
  std::string cache_type_v = "bf16";
  int64_t batch_size = 2048;
  int64_t ubatch_size = 512;
  std::string rope_scaling;
  double rope_scale = 0;
  int64_t yarn_orig_ctx = 0;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    ModelOptions::VisitFields(self.file, visit);
    visit(Field{.name = "threads",
                .flags = "-t,--threads",
                .minimum = 0,
                .maximum = 1024,
                .help = "0: one per processor that this process may use; more are lowered to that"},
          self.threads);
    visit(Field{.name = "cpu_isa",
                .flags = "--cpu-isa",
                .choices = {"", "avx2", "avx512", "amx"},
                .help = "instruction set; auto: the best there is"},
          self.cpu_isa);
    visit(Field{.name = "weight_type",
                .flags = "--weight-type",
                .choices = {"auto", "f32", "bf16", "stored"},
                .help = "how weights are held; stored: quantised ones as in the file, rows rounded to 8 bits; auto: "
                        "stored for a quantised model, else bf16 where the processor multiplies it, else f32"},
          self.weight_type);
    visit(Field{.name = "gpu_layers",
                .flags = "-ngl,--n-gpu-layers",
                .aliases = {"--gpu-layers"},
                .minimum = 0,
                .maximum = 1 << 20,
                .help = "layers on a GPU"},
          self.gpu_layers);
    visit(Field{.name = "kv_cache_dtype",
                .flags = "-ctk,--cache-type-k",
                .choices = {"f32", "f16", "bf16", "q8_0"},
                .help = "type of stored keys; q8_0: 8 bits and a scale for each row of a head"},
          self.cache_type_k);
    visit(Field{.name = "kv_cache_dtype_v",
                .flags = "-ctv,--cache-type-v",
                .choices = {"f32", "f16", "bf16", "q8_0"},
                .help = "type of stored values"},
          self.cache_type_v);
    visit(Field{.name = "batch_size",
                .flags = "-b,--batch-size",
                .minimum = 1,
                .maximum = 1 << 20,
                .unit = "tokens",
                .help = "upper bound of --ubatch-size"},
          self.batch_size);
    visit(Field{.name = "ubatch_size",
                .flags = "-ub,--ubatch-size",
                .minimum = 1,
                .maximum = 1 << 16,
                .unit = "tokens",
                .help = "prompt tokens per pass"},
          self.ubatch_size);
    visit(Field{.name = "rope_scaling",
                .flags = "--rope-scaling",
                .choices = {"", "none", "linear", "yarn"},
                .help = "context extension; auto: what the model file says"},
          self.rope_scaling);
    visit(Field{.name = "rope_scale",
                .flags = "--rope-scale",
                .minimum = 0,
                .maximum = 1024,
                .help = "factor of the extension; 0: just enough for --ctx-size"},
          self.rope_scale);
    visit(Field{.name = "yarn_orig_ctx",
                .flags = "--yarn-orig-ctx",
                .minimum = 0,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "context before the extension; 0: the model's"},
          self.yarn_orig_ctx);
  }
};

}  // namespace longshot
