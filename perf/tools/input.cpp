#include "input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>

#include "numbers.hpp"

namespace coll::perf {
namespace {

// 64 well-mixed bits of (rank, element).
uint64_t mix(uint64_t rank, uint64_t element) {
  uint64_t z = element + 0x9e3779b97f4a7c15 * (rank + 1);
  z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93;
  z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93;
  return z ^ (z >> 32);
}

std::string read_whole(const std::string& path, std::vector<std::byte>* bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fmt::format("cannot read {}: {}", path, std::strerror(errno));
  const std::streamoff size = file.tellg();
  if (size < 0) return fmt::format("cannot read {}: its size is not known", path);
  bytes->resize(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes->data()), size)) return fmt::format("cannot read {}", path);
  return "";
}

}  // namespace

std::string file_of_rank(const std::string& pattern, int rank) {
  std::string path = pattern;
  for (size_t at = 0; (at = path.find("%r", at)) != std::string::npos;) {
    const std::string number = std::to_string(rank);
    path.replace(at, 2, number);
    at += number.size();
  }
  return path;
}

void copy_tiled(const std::vector<std::byte>& tile, size_t begin, size_t bytes, std::byte* out) {
  for (size_t done = 0, at = begin % tile.size(); done < bytes; at = 0) {
    const size_t part = std::min(bytes - done, tile.size() - at);
    std::memcpy(out + done, tile.data() + at, part);
    done += part;
  }
}

std::string Input::load(const std::string& pattern, int nranks) {
  files_.resize(static_cast<size_t>(nranks));
  for (int rank = 0; rank < nranks; ++rank) {
    auto& bytes = files_[static_cast<size_t>(rank)];
    const std::string path = file_of_rank(pattern, rank);
    if (std::string problem = read_whole(path, &bytes); !problem.empty()) return problem;
    const TypeFacts& type = facts(type_);
    if (bytes.empty() || bytes.size() % type.bytes != 0) {
      return fmt::format("{} has {} bytes, which is not a number of {} elements", path, bytes.size(), type.name);
    }
  }
  return "";
}

void Input::fill(int rank, size_t begin, size_t count, std::byte* out) const {
  if (files_.empty()) return make(rank, begin, count, out);
  const size_t width = facts(type_).bytes;
  copy_tiled(files_[static_cast<size_t>(rank)], begin * width, count * width, out);
}

void Input::make(int rank, size_t begin, size_t count, std::byte* out) const {
  const TypeFacts& type = facts(type_);
  constexpr size_t kAtOnce = 1024;
  double values[kAtOnce];
  for (size_t done = 0; done < count;) {
    const size_t part = std::min(count - done, kAtOnce);
    for (size_t i = 0; i < part; ++i) {
      const uint64_t bits = mix(static_cast<uint64_t>(rank), begin + done + i);
      if (!type.is_float) {
        std::memcpy(out + (done + i) * type.bytes, &bits, type.bytes);
        continue;
      }
      const double unit = static_cast<double>(static_cast<int64_t>(bits)) * 0x1p-63;  // [-1, 1)
      values[i] = op_ == collProd ? std::copysign(1.0 + unit / 8, unit) : unit;
    }
    if (type.is_float) from_doubles(type_, {values, part}, out + done * type.bytes);
    done += part;
  }
}

}  // namespace coll::perf
