#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"
#include "runtime/module.hpp"

namespace coll::api {

namespace {

// One of the library's thread_local values: an error belongs to the thread that made the call.
thread_local std::string last_error;
thread_local std::string last_error_of_comm;

}  // namespace

collResult_t report(const char* call, const Status& status) noexcept {
  if (status.ok() || status.code() == collInProgress) return status.code();
  try {
    last_error = text(call, ": ", describe(status.code()), ": ", status.message());
  } catch (...) {
    last_error.clear();  // out of memory for the words; the code still says what happened
  }
  return status.code();
}

}  // namespace coll::api

using namespace coll;

extern "C" {

const char* collGetErrorString(collResult_t result) { return describe(result); }

const char* collGetLastError(collComm_t comm) {
  if (comm == nullptr || !comm->communicator) return api::last_error.c_str();
  const Status failure = comm->communicator->failure();
  if (failure.ok() || api::last_error.find(failure.message()) != std::string::npos) return api::last_error.c_str();
  api::last_error_of_comm = text(describe(failure.code()), ": ", failure.message());
  return api::last_error_of_comm.c_str();
}

collResult_t collGetVersion(int* version) {
  return api::guarded("collGetVersion", [&] {
    COLL_TRY(api::not_null(version, "version"));
    *version = COLL_VERSION_CODE;
    return Status();
  });
}

collResult_t collModuleFail(collResult_t code, const char* message) {
  return api::guarded("collCommInitMPI", [&] { return Status(code, message); });
}
}

COLL_TWIN(collGetErrorString);
COLL_TWIN(collGetLastError);
COLL_TWIN(collGetVersion);
