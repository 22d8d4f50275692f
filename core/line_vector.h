#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace longshot {

/// Memory that begins on a cache line: vectors and tiles that cross lines take twice as long, and a file read to an
/// address that is a multiple of 16 only takes six times as long (Zen 3).
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* p, size_t) { ::operator delete (p, std::align_val_t{64}); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
};
template <class T>
using LineVector = std::vector<T, LineAllocator<T>>;

}  // namespace longshot
