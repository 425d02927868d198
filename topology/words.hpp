// How the views write numbers and names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coll::topo {

std::string number(double value);                          // with up to six digits
std::string size_text(size_t bytes);                       // "32 MiB": the largest unit that leaves at least 1
std::string rate_text(uint64_t bytes_per_s);               // "63 GB/s"
std::string counted(int count, const std::string& thing);  // "1 core", "2 cores"
std::string ranges(std::span<const int> values);           // "0-3, 8, 10-11"
std::string ranks_text(std::span<const int> ranks);        // "rank 8", "ranks 0-3"
std::string_view entity(char c);                           // "&amp;" and the like, for XML; empty where c may stand

}  // namespace coll::topo
