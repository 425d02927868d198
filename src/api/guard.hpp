// The border to C: turns a Status into a code and the thread's last error, and lets no exception through.
#pragma once

#include <exception>
#include <new>

#include "base/ranges.hpp"
#include "base/status.hpp"
#include "base/types.hpp"

namespace coll::api {

// Keeps `status` as this thread's last error where it is a failure; `call` is the public function's name.
collResult_t report(const char* call, const Status& status) noexcept;

// `bytes` is what a profiler is told of the call.
template <typename Body>
collResult_t guarded(const char* call, Body&& body, uint64_t bytes = 0) noexcept {
  const Range range(call, bytes);
  try {
    return report(call, body());
  } catch (const std::bad_alloc&) {
    return report(call, {collSystemError, "out of memory"});
  } catch (const std::exception& error) {
    return report(call, {collInternalError, error.what()});
  } catch (...) {
    return report(call, {collInternalError, "an unknown exception"});
  }
}

// collInvalidArgument where a pointer that must not be NULL is.
inline Status not_null(const void* pointer, const char* name) {
  return pointer != nullptr ? Status() : Status(collInvalidArgument, text(name, " is NULL"));
}

inline Status check_type(collDataType_t type) {
  if (valid(type)) return {};
  return {collInvalidArgument, text("type is ", static_cast<int>(type), ", which is not a collDataType_t")};
}

}  // namespace coll::api
