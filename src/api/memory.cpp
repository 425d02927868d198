#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"
#include "runtime/process.hpp"

using namespace coll;
using api::guarded;
using api::not_null;

namespace {

// Registered memory. A transport that wants to know its users' buffers in advance finds them here.
struct Registration {
  collComm_t comm;
};

}  // namespace

extern "C" {

collResult_t collMemAlloc(void** ptr, size_t bytes) {
  return guarded("collMemAlloc", [&] {
    COLL_TRY(not_null(ptr, "ptr"));
    *ptr = nullptr;
    if (bytes == 0) return Status();
    return Process::acquire()->allocate(bytes, ptr);
  });
}

collResult_t collMemAllocDevice(void** ptr, size_t bytes, int device) {
  return guarded("collMemAllocDevice", [&] {
    COLL_TRY(not_null(ptr, "ptr"));
    *ptr = nullptr;
    if (bytes == 0) return Status(collInvalidArgument, "bytes is 0; it must be the length of the memory");
    return Process::acquire()->allocate_on_device(bytes, device, ptr);
  });
}

collResult_t collMemFree(void* ptr) {
  return guarded("collMemFree", [&] { return ptr == nullptr ? Status() : Process::acquire()->release(ptr); });
}

collResult_t collCommRegister(collComm_t comm, void* ptr, size_t bytes, void** handle) {
  return guarded("collCommRegister", [&] {
    COLL_TRY(not_null(comm, "comm"));
    COLL_TRY(not_null(ptr, "ptr"));
    COLL_TRY(not_null(handle, "handle"));
    if (bytes == 0) return Status(collInvalidArgument, "bytes is 0; it must be the length of the buffer at ptr");
    *handle = new Registration{comm};
    return Status();
  });
}

collResult_t collCommDeregister(collComm_t comm, void* handle) {
  return guarded("collCommDeregister", [&] {
    COLL_TRY(not_null(comm, "comm"));
    COLL_TRY(not_null(handle, "handle"));
    auto* const registration = static_cast<Registration*>(handle);
    if (registration->comm != comm) {
      return Status(collInvalidArgument, "handle is not one that collCommRegister() gave for this communicator");
    }
    delete registration;
    return Status();
  });
}
}

COLL_TWIN(collMemAlloc);
COLL_TWIN(collMemAllocDevice);
COLL_TWIN(collMemFree);
COLL_TWIN(collCommRegister);
COLL_TWIN(collCommDeregister);
