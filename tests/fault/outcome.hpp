// What a rank's call came to, as a program sees it: the code, the words, and how long it took.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "coll/coll.h"

namespace coll::test {

struct Outcome {
  collResult_t code = collInProgress;
  std::string words;
  double ms = 0;

  bool says(const std::string& part) const { return words.find(part) != std::string::npos; }
};

inline std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << collGetErrorString(outcome.code) << " after " << outcome.ms << " ms: " << outcome.words;
}

// Makes the call on this thread and keeps what it came to.
inline Outcome outcome_of(collComm_t comm, const std::function<collResult_t()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  Outcome outcome;
  outcome.code = call();
  outcome.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  if (outcome.code != collSuccess) outcome.words = collGetLastError(comm);
  return outcome;
}

// An allreduce of `count` floats that are all 1.
inline Outcome sum_of_ones(collComm_t comm, size_t count) {
  int nranks = 0;
  if (collCommCount(comm, &nranks) != collSuccess) return {};
  std::vector<float> values(count, 1);
  Outcome outcome = outcome_of(
      comm, [&] { return collAllReduce(values.data(), values.data(), count, collFloat32, collSum, comm, nullptr); });
  for (const float value : values) {
    if (outcome.code == collSuccess && value != static_cast<float>(nranks)) return {collInternalError, "wrong sum"};
  }
  return outcome;
}

// The same failure again, at once, from every kind of call: the communicator is poisoned.
inline void expect_poisoned(collComm_t comm, const Outcome& first) {
  std::string why = first.words;
  if (const size_t call = why.find(": "); call != std::string::npos) why.erase(0, call + 2);  // the call's own name
  const Outcome again[] = {outcome_of(comm, [&] { return collBarrier(comm, nullptr); }), sum_of_ones(comm, 10)};
  for (const Outcome& outcome : again) {
    EXPECT_EQ(outcome.code, first.code) << outcome;
    EXPECT_TRUE(outcome.says(why)) << outcome << "\nbut first: " << first;
    EXPECT_LT(outcome.ms, 100) << outcome;
  }
  collResult_t async = collSuccess;
  EXPECT_EQ(collCommGetAsyncError(comm, &async), collSuccess);
  EXPECT_EQ(async, first.code);
}

}  // namespace coll::test
