// The digest against the vectors of FIPS 180-4 and its examples.
#include "core/sha256.h"

#include <gtest/gtest.h>

namespace longshot {
namespace {

TEST(Sha256, KnownVectors) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnop"
                      "qrlmnopqrsmno"
                      "pqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(Sha256Hex(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesDoNotShow) {
  // Every length around the places where padding takes a block of its own, cut everywhere.
  for (size_t length = 0; length <= 130; ++length) {
    std::string text(length, '\0');
    for (size_t i = 0; i < length; ++i) text[i] = static_cast<char>(i * 37 + 1);
    const std::string whole = Sha256Hex(text);
    for (size_t cut = 0; cut <= length; cut += 7) {
      Sha256 hash;
      hash.Update(text.substr(0, cut));
      hash.Update(text.substr(cut));
      EXPECT_EQ(hash.HexDigest(), whole) << length << " cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace longshot
