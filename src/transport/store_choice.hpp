// How a rank writes what its peers read: by usual stores, or past the caches.
//
// Where the cores share a cache, peers find there what usual stores have written. Where they do not, a store to a line
// that a peer has read before first takes the line back from the peer's cache: 16 KiB took 4 to 6 us instead of 0.4 on
// a machine of two cores, while stores past the caches took 0.4 there, too, and made the peers' reading 0.6 us slower.
// A virtual machine's cores move from the one case to the other within seconds, so each piece says what to do next.
#pragma once

#include <chrono>
#include <cstddef>

namespace coll {

class StoreChoice {
 public:
  // Whether to write the next piece past the caches.
  bool past_caches() const { return past_caches_left_ > 0; }

  // Runs `write`, which writes a piece of so many bytes as past_caches() says.
  template <typename Write>
  void timed(size_t bytes, const Write& write) {
    if (bytes < kLeastBytes) return write();
    if (past_caches_left_ > 0) {
      --past_caches_left_;
      return write();
    }
    const auto begun = std::chrono::steady_clock::now();
    write();
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begun;
    slow_ = spent.count() > kSlowNsPerByte * static_cast<double>(bytes) ? slow_ + 1 : 0;
    if (slow_ >= kSlowPieces) {
      past_caches_left_ = kPiecesUntilTried;
      slow_ = kSlowPieces - 1;  // when they are tried again, one is enough
    }
  }

 private:
  static constexpr size_t kLeastBytes = 4096;     // of a piece whose time says something
  static constexpr double kSlowNsPerByte = 0.16;  // between the two cases above
  static constexpr int kSlowPieces = 2;           // one may have been interrupted
  static constexpr int kPiecesUntilTried = 64;    // until usual stores are tried again

  int slow_ = 0;  // usual stores in a row that were slow
  int past_caches_left_ = 0;
};

}  // namespace coll
