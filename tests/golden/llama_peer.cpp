// Asks libllama (llama.cpp) for token ids and logits; the golden data's only C++ helper.
//
//   llama_peer tokenize MODEL IN OUT   IN: strings;   OUT: ids of each
//   llama_peer logits   MODEL IN OUT   IN: ids;       OUT: a row of logits per requested position
//
// All files are little-endian. Strings: repeated {u32 bytes, bytes}. Ids out: repeated {i32 count, i32 ids[count]}
// (count -1: llama.cpp threw). Ids in: {i32 n, i32 ids[n], i32 m, i32 positions[m]}. Logits out: f32 [m, V].
// Logits use flash attention and an f16 cache; an f32 cache would change nothing, flash attention casts it to f16.
// Built outside the project's build, see README.md; a vocabulary-only GGUF file is enough for `tokenize`.
#include <llama.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<char> ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

int32_t TakeInt(const char*& p) {
  int32_t value;
  std::memcpy(&value, p, 4);
  p += 4;
  return value;
}

std::vector<int32_t> TakeInts(const char*& p) {
  std::vector<int32_t> values(static_cast<size_t>(TakeInt(p)));
  std::memcpy(values.data(), p, values.size() * 4);
  p += values.size() * 4;
  return values;
}

/// Ids without BOS/EOS; control tokens spelled out in the text stay text.
std::vector<int32_t> Tokenize(const llama_vocab* vocab, const char* text, int32_t size) {
  std::vector<int32_t> ids(static_cast<size_t>(size) + 8);
  const int32_t n = llama_tokenize(vocab, text, size, ids.data(), static_cast<int32_t>(ids.size()),
                                   /*add_special=*/false, /*parse_special=*/false);
  if (n < 0) throw std::runtime_error("more ids than bytes");
  ids.resize(static_cast<size_t>(n));
  return ids;
}

void RunTokenize(const llama_model* model, const std::vector<char>& in, std::ofstream& out) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  const char* const end = in.data() + in.size();
  for (const char* p = in.data(); p < end;) {
    const int32_t size = TakeInt(p);
    int32_t count = -1;
    std::vector<int32_t> ids;
    try {
      ids = Tokenize(vocab, p, size);
      count = static_cast<int32_t>(ids.size());
    } catch (const std::exception& e) {
      std::fprintf(stderr, "tokenize: %s\n", e.what());
    }
    p += size;
    out.write(reinterpret_cast<const char*>(&count), 4);
    out.write(reinterpret_cast<const char*>(ids.data()), static_cast<std::streamsize>(ids.size() * 4));
  }
}

void RunLogits(llama_model* model, const std::vector<char>& in, std::ofstream& out) {
  const char* p = in.data();
  std::vector<int32_t> ids = TakeInts(p);
  const std::vector<int32_t> positions = TakeInts(p);
  constexpr int32_t kBatch = 512;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(ids.size());
  params.n_batch = params.n_ubatch = kBatch;
  params.n_threads = params.n_threads_batch = 2;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  llama_context* context = llama_init_from_model(model, params);
  if (!context) throw std::runtime_error("no context");
  const int32_t vocab_size = llama_vocab_n_tokens(llama_model_get_vocab(model));
  llama_batch batch = llama_batch_init(kBatch, 0, 1);
  const int32_t n = static_cast<int32_t>(ids.size());
  for (int32_t begin = 0; begin < n; begin += kBatch) {
    batch.n_tokens = std::min(kBatch, n - begin);
    for (int32_t i = 0; i < batch.n_tokens; ++i) {
      batch.token[i] = ids[static_cast<size_t>(begin + i)];
      batch.pos[i] = begin + i;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = std::binary_search(positions.begin(), positions.end(), begin + i);
    }
    if (llama_decode(context, batch) != 0) throw std::runtime_error("llama_decode failed");
    for (int32_t i = 0; i < batch.n_tokens; ++i) {
      if (!batch.logits[i]) continue;
      out.write(reinterpret_cast<const char*>(llama_get_logits_ith(context, i)), vocab_size * 4L);
    }
  }
  llama_batch_free(batch);
  llama_free(context);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 5) throw std::runtime_error("usage: llama_peer tokenize|logits MODEL IN OUT");
  const std::string command = argv[1];
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = command == "tokenize";
  llama_model* model = llama_model_load_from_file(argv[2], params);
  if (!model) throw std::runtime_error(std::string("cannot load ") + argv[2]);
  const std::vector<char> in = ReadAll(argv[3]);
  std::ofstream out(argv[4], std::ios::binary);
  if (command == "tokenize") {
    RunTokenize(model, in, out);
  } else {
    RunLogits(model, in, out);
  }
  llama_model_free(model);
  return out.good() ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "llama_peer: %s\n", e.what());
  return 1;
}
