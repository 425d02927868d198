// Status: a result code with the words that explain it. Free of allocation where it is a success.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "coll/coll.h"

// Every result code and its meaning, in one list so that they cannot drift.
#define COLL_RESULT_MAP(X)                                                         \
  X(collSuccess, "success")                                                        \
  X(collUnhandledCudaError, "a CUDA call failed")                                  \
  X(collSystemError, "the operating system refused something that was needed")     \
  X(collInternalError, "an error inside libcoll; please report it")                \
  X(collInvalidArgument, "an argument is not valid")                               \
  X(collInvalidUsage, "the call is not allowed here, or ranks disagree about it")  \
  X(collRemoteError, "another rank failed, aborted or went away")                  \
  X(collInProgress, "work is still pending")                                       \
  X(collTimeout, "a peer did not answer within the time-out")                      \
  X(collCorruptData, "data was damaged, truncated or is not what the format says") \
  X(collUnsupported, "this combination of codec, type, operator or system is not supported")

namespace coll {

// One pointer, which most functions on the way of a call return: a success costs no more than NULL.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(collResult_t code, std::string message)
      : failure_(code == collSuccess ? nullptr : new Failure{code, std::move(message)}) {}
  Status(const Status& other) : failure_(other.ok() ? nullptr : new Failure(*other.failure_)) {}
  Status(Status&&) = default;
  Status& operator=(Status other) noexcept {
    failure_.swap(other.failure_);
    return *this;
  }
  ~Status() = default;

  bool ok() const { return failure_ == nullptr; }
  collResult_t code() const { return ok() ? collSuccess : failure_->code; }
  const std::string& message() const {
    static const std::string none;
    return ok() ? none : failure_->message;
  }

 private:
  struct Failure {
    collResult_t code;
    std::string message;
  };
  std::unique_ptr<const Failure> failure_;
};

// The text of COLL_RESULT_MAP for `code`; a static string for unknown codes too.
constexpr const char* describe(collResult_t code) {
  switch (code) {
#define COLL_CASE(name, text) \
  case name:                  \
    return text;
    COLL_RESULT_MAP(COLL_CASE)
#undef COLL_CASE
    default:
      return "unknown result code";
  }
}

// "a, b, c" from parts of anything that std::to_string or std::string takes.
template <typename... Parts>
std::string text(const Parts&... parts) {
  std::string all;
  const auto add = [&all](const auto& part) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>) {
      all += std::to_string(part);
    } else {
      all += part;
    }
  };
  (add(parts), ...);
  return all;
}

}  // namespace coll

// Returns from the calling function where `expression` is a failed Status.
#define COLL_TRY(expression)                                                        \
  do {                                                                              \
    if (::coll::Status coll_try_ = (expression); !coll_try_.ok()) return coll_try_; \
  } while (false)
