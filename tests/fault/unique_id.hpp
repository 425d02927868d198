// Unique ids as words on a command line.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "coll/coll.h"

namespace coll::test {

inline std::string new_id() {
  collUniqueId id;
  EXPECT_EQ(collGetUniqueId(&id), collSuccess) << collGetLastError(nullptr);
  std::string hex;
  for (const char byte : id.internal) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
    hex += digits;
  }
  return hex;
}

// All zero where the word is not one of new_id().
inline collUniqueId id_from(const char* hex) {
  collUniqueId id{};
  for (size_t i = 0; i < sizeof id.internal && std::strlen(hex) == 2 * sizeof id.internal; ++i) {
    const char byte[3] = {hex[2 * i], hex[2 * i + 1], 0};
    id.internal[i] = static_cast<char>(std::strtoul(byte, nullptr, 16));
  }
  return id;
}

}  // namespace coll::test
