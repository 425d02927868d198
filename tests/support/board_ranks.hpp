// Ranks of one process over one board.
#pragma once

#include <cstddef>
#include <new>
#include <numeric>
#include <vector>

#include "transport/board.hpp"

namespace coll::test {

class BoardRanks {
 public:
  BoardRanks(size_t count, Board::Shape shape)
      : shape_(shape), memory_(new (std::align_val_t{64}) std::byte[shape.bytes(count)]()), places_(count) {
    std::iota(places_.begin(), places_.end(), 0);
  }
  ~BoardRanks() { ::operator delete[](memory_, std::align_val_t{64}); }
  BoardRanks(const BoardRanks&) = delete;
  BoardRanks& operator=(const BoardRanks&) = delete;

  // The rank's side of it, anew at every call.
  Board board(size_t rank) const { return {memory_, shape_, places_, rank}; }

 private:
  Board::Shape shape_;
  std::byte* memory_;
  std::vector<int> places_;
};

}  // namespace coll::test
