#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/dtype.h"
#include "core/types.h"

/// The one table of tensor operations. A backend implements it; the model is written against it.
/// Letters: T rows of a pass, S context rows, H query heads, K KV heads, D head dim, E model dim, V vocabulary.
/// All views are row-major f32 in memory that belongs to the backend. Calls are asynchronous on the backend's
/// stream: results may be read on the host after `Synchronize`.
namespace longshot {

/// Widest head and most query heads per KV head that attention takes on any backend; models beyond are refused
/// when they are opened.
inline constexpr int kMaxHeadDim = 512;
inline constexpr int kMaxHeadGroup = 64;

/// Backend memory, freed with the object.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual float* data() = 0;  ///< backend address: for the host only where `Backend::host_addressable`
};

/// [rows, cols] f32 in backend memory; `stride` in elements.
struct MatrixView {
  float* data = nullptr;
  int64_t rows = 0, cols = 0, stride = 0;

  MatrixView Rows(int64_t first, int64_t count) const { return {data + first * stride, count, cols, stride}; }
  MatrixView Columns(int64_t first, int64_t count) const { return {data + first, rows, count, stride}; }
};

/// How weights are held by a backend: f32 is the golden path, bf16 rounds every weight. Stored keeps block types as
/// the file has them and rounds the rows that they multiply to 8 bits per group of 32 (`stored_group.h`); matrices of
/// plain floats are held as bf16 where the processor multiplies it, else as f32.
enum class WeightType : uint8_t { kF32, kBF16, kStored };

/// A matrix [outputs, inputs] packed once, in a layout that is the backend's secret.
class PackedWeights {
 public:
  virtual ~PackedWeights() = default;
  virtual int64_t outputs() const = 0;
  virtual int64_t inputs() const = 0;
  virtual int64_t bytes() const = 0;
};

/// Reads row `row` of a matrix as f32 into out [inputs].
using RowReader = std::function<void(int64_t row, std::span<float> out)>;

/// A matrix [outputs, inputs] before it is packed. The functions are called from several threads; what they throw
/// reaches the caller of `Pack`.
struct WeightSource {
  int64_t outputs = 0, inputs = 0;
  RowReader read = {};
  /// Type of row `row` as stored, and its blocks; both empty where there is nothing but `read`.
  std::function<DType(int64_t row)> type = {};
  std::function<const std::byte*(int64_t row)> stored = {};
};

enum class Epilogue : uint8_t {
  kNone,    ///< y = x W^T
  kAdd,     ///< y += x W^T: the residual stream
  kSwiGlu,  ///< rows of W alternate gate, up: y = silu(gate) * up, half as many columns as W has rows
};

/// Which of a decoder's products one is: for those who measure, no number depends on it.
enum class ProductRole : uint8_t { kOther, kQkv, kAttentionOutput, kGateUp, kDown, kHead };

/// One product, y [T, outputs] from x [T, inputs]. A row's numbers do not depend on T.
struct MatmulArgs {
  MatrixView x;
  const PackedWeights* weights = nullptr;
  MatrixView y;
  const float* norm = nullptr;  ///< prologue: RMSNorm weight [inputs] applied to each row of x; nullptr: none
  float norm_eps = 0.0f;
  const float* bias = nullptr;  ///< [outputs] or nullptr
  Epilogue epilogue = Epilogue::kNone;
  ProductRole role = ProductRole::kOther;
};

/// Shape of one sequence's KV rows.
struct KvGeometry {
  int layers = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int64_t capacity = 0;         ///< rows per (layer, KV head), speculative rows included
  DType k_type = DType::kBF16;  ///< kF32, kF16, kBF16 or kQ8_0
  DType v_type = DType::kBF16;
};

/// One sequence's KV rows of every layer. The byte layout is the backend's secret.
class KvBuffer {
 public:
  virtual ~KvBuffer() = default;
  virtual const KvGeometry& geometry() const = 0;
  virtual int64_t bytes() const = 0;
};

/// Absolute positions [begin, end).
struct KeyRange {
  int64_t begin = 0, end = 0;
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

/// What the rows of a pass are: row i stands at position base + depth[i], its KV lies in slot base + i, and it sees
/// committed rows (< base) that the view names, its ancestors in the pass, and itself. parent[0] = -1,
/// parent[i] < i, depth[i] = depth[parent[i]] + 1.
struct RowTopology {
  int64_t base = 0;                 ///< committed rows before the pass
  std::span<const int32_t> parent;  ///< [T]
  std::span<const int32_t> depth;   ///< [T]
  bool chain = false;               ///< parent[i] = i - 1: slots are positions (prefill, chain drafts)

  int64_t rows() const { return static_cast<int64_t>(parent.size()); }
};

/// Which committed rows one KV head may read: `ranges`, sorted, disjoint, all below `tail_begin`; and every row
/// from `tail_begin` to the topology's base.
struct HeadView {
  std::span<const KeyRange> ranges;
  int64_t tail_begin = 0;
};

/// Softmax attention of T rows over one layer, several query heads sharing each KV head (GQA).
struct AttentionArgs {
  MatrixView q;    ///< [T, H * D], rotated
  MatrixView out;  ///< [T, H * D]
  int heads = 0;
  KvBuffer* kv = nullptr;
  int layer = 0;
  RowTopology topology;
  /// First row of the topology that is computed: q row t is topology row first_row + t. The KV of earlier rows was
  /// written before.
  int64_t first_row = 0;
  std::span<const HeadView> views;  ///< [K] or one entry shared by all KV heads
  /// Rows of a prompt, a chain: they may take another numeric path than generated rows, always the same one.
  bool prompt = false;
};

struct BackendInfo {
  std::string name;          ///< "cpu", "reference", "cuda"
  std::string numeric_path;  ///< what results depend on: "amx bf16", "avx512 f32", "avx2 int8/int16/f32", ...
  std::string device;        ///< processor or GPU name
  int threads = 1;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual BackendInfo Describe() const = 0;
  /// Whether the host may read backend addresses after `Synchronize`; where not, `Download` is the only way.
  virtual bool host_addressable() const { return false; }
  /// Operations per second of large products of floats in this numeric path, or of multiply-adds on registers, probed
  /// now: the roof that benchmarks compare with. Products of integers may exceed it. 0: not probed.
  virtual double PeakProductRate() { return 0; }

  // Memory.
  virtual std::unique_ptr<Buffer> Allocate(int64_t floats) = 0;
  virtual std::unique_ptr<PackedWeights> Pack(const WeightSource& source) = 0;
  /// Bytes that `Pack` would take, for the memory table printed before anything is allocated: reads types only.
  virtual int64_t PackedBytes(const WeightSource& source) const = 0;
  virtual void Upload(std::span<const float> from, float* to) = 0;
  virtual void Download(const float* from, std::span<float> to) = 0;
  virtual void Synchronize() = 0;

  // Rows.
  virtual void Matmul(const MatmulArgs& args) = 0;
  /// y = x / rms(x) * weight over groups of `group` columns, weight [group] in backend memory: one group per row, or
  /// one per head (QK norm). y may be x.
  virtual void RmsNorm(MatrixView x, const float* weight, int64_t group, float eps, MatrixView y) = 0;
  /// cos then sin of positions[t] * inverse_frequencies[i], times `magnitude`: table [T, 2 * pairs]. Once per pass.
  virtual void RopeTable(std::span<const int64_t> positions, std::span<const double> inverse_frequencies,
                         double magnitude, MatrixView table) = 0;
  /// Rotates, in place, pairs (i, i + pairs) of every head of x [T, heads * D]; dims beyond 2 * pairs stay.
  virtual void Rope(MatrixView x, int heads, MatrixView table) = 0;
  /// The `k` (1 to 64) largest of each row, best first, ties to the lower id; kNoToken where fewer are above -inf.
  /// ids: [rows, k], host memory after Synchronize.
  virtual void TopK(MatrixView x, int k, std::span<Token> ids) = 0;

  // KV rows.
  virtual std::unique_ptr<KvBuffer> AllocateKv(const KvGeometry& geometry) = 0;
  virtual int64_t KvBytes(const KvGeometry& geometry) const = 0;
  /// Encodes k, v: [T, K * D] into slots first_slot.. of one layer.
  virtual void AppendKv(KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) = 0;
  /// Moves slot from[i] to first_slot + i in every layer. REQUIRES: from ascending, from[i] >= first_slot + i.
  virtual void CompactKv(KvBuffer& kv, int64_t first_slot, std::span<const int64_t> from) = 0;
  /// Decodes slots first_slot.. of one layer into k, v: [count, K * D].
  virtual void ExportKv(const KvBuffer& kv, int layer, int64_t first_slot, MatrixView k, MatrixView v) = 0;
  /// Overwrites slots [first_slot, first_slot + count) of every layer with NaN: proves that nobody reads them.
  virtual void PoisonKv(KvBuffer& kv, int64_t first_slot, int64_t count) = 0;

  // KV rows as they are stored, for files. The image of a layer is its slots [0, rows) in the backend's own layout.
  /// Name of the layout: the same name, geometry (capacity aside) and rows, the same bytes. Changes with the layout.
  virtual std::string KvLayout() const = 0;
  /// Bytes of one layer's image of `rows` slots; does not depend on the capacity. Errors: kFormat on overflow.
  virtual int64_t KvImageBytes(const KvGeometry& geometry, int64_t rows) const = 0;
  // Copied on the calling thread: several may save and load different layers.
  /// Copies slots [0, rows) of a layer into `image`, which holds zeros; done when it returns.
  virtual void SaveKv(const KvBuffer& kv, int layer, int64_t rows, std::span<std::byte> image) = 0;
  /// Copies the first `rows` slots of an image of `image_rows` into a layer, bit for bit; done when it returns. Slots
  /// beyond `rows` may come to hold anything. Whatever the bytes are, only numbers can be wrong.
  virtual void LoadKv(KvBuffer& kv, int layer, int64_t rows, std::span<const std::byte> image, int64_t image_rows) = 0;
  virtual void Attention(const AttentionArgs& args) = 0;
};

}  // namespace longshot
