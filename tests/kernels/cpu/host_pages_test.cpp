#include "kernels/cpu/host_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace longshot {
namespace {

TEST(SharedPages, PiecesLieApartOnPagesOfZeros) {
  SharedPages memory;
  constexpr int64_t kMiB = 1 << 20;
  struct Piece {
    std::shared_ptr<std::byte> data;
    int64_t bytes;
  };
  std::vector<Piece> pieces;
  for (const int64_t bytes : {int64_t{1}, int64_t{4096}, int64_t{4097}, 3 * kMiB, 7 * kMiB, 40 * kMiB, 7 * kMiB,
                              7 * kMiB, 7 * kMiB, 5 * kMiB}) {
    pieces.push_back({memory.Take(bytes), bytes});
    std::byte* data = pieces.back().data.get();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 4096, 0u);
    EXPECT_TRUE(std::all_of(data, data + bytes, [](std::byte b) { return b == std::byte{0}; })) << bytes;
    std::memset(data, static_cast<int>(pieces.size()), static_cast<size_t>(bytes));
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    const std::byte* data = pieces[i].data.get();
    EXPECT_TRUE(std::all_of(data, data + pieces[i].bytes, [&](std::byte b) { return b == std::byte(i + 1); })) << i;
  }
}

TEST(SharedPages, APieceOutlivesItsNeighboursAndTheirSource) {
  std::shared_ptr<std::byte> piece;
  {
    SharedPages memory;
    memory.Take(100);
    piece = memory.Take(100);
    memory.Take(100);
  }
  *piece = std::byte{7};
  EXPECT_EQ(*piece, std::byte{7});
}

TEST(SharedPages, ARefusedPieceChangesNothing) {
  SharedPages memory;
  const std::shared_ptr<std::byte> before = memory.Take(4096);
  EXPECT_THROW(memory.Take(int64_t{1} << 60), Error);
  const std::shared_ptr<std::byte> after = memory.Take(4096);
  EXPECT_EQ(after.get(), before.get() + 4096);
}

}  // namespace
}  // namespace longshot
