// How the views write numbers.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace coll::topo {

std::string number(double value);                          // with up to six digits
std::string size_text(size_t bytes);                       // "32 MiB": the largest unit that leaves at least 1
std::string counted(int count, const std::string& thing);  // "1 core", "2 cores"
std::string ranges(std::span<const int> values);           // "0-3, 8, 10-11"

}  // namespace coll::topo
