#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"
#include "runtime/backoff.hpp"
#include "runtime/process.hpp"

using namespace coll;
using api::guarded;
using api::HostStream;

namespace {

Status existing(collStream_t handle, HostStream** host) {
  COLL_TRY(api::not_null(handle, "stream"));
  *host = api::host_stream(handle);
  if (*host == nullptr) {
    return {collUnsupported,
            "this is none of collStreamCreate()'s streams; ask CUDA about its own (cudaStreamSynchronize(), "
            "cudaStreamQuery())"};
  }
  return {};
}

Status synchronize(HostStream& host) {
  const auto visit = host.process->visit();
  Backoff backoff(true);
  while (!host.stream->empty()) {
    bool moved = false;
    host.process->advance_streams(&moved);
    backoff.pause(moved);
  }
  return host.stream->take_failure();
}

}  // namespace

extern "C" {

collResult_t collStreamCreate(collStream_t* stream) {
  return guarded("collStreamCreate", [&] {
    COLL_TRY(api::not_null(stream, "stream"));
    auto host = std::make_unique<HostStream>();
    host->process = Process::acquire();
    host->process->add(host->stream);
    *stream = api::handle_of(host.release());
    return Status();
  });
}

collResult_t collStreamSynchronize(collStream_t stream) {
  return guarded("collStreamSynchronize", [&] {
    HostStream* host = nullptr;
    COLL_TRY(existing(stream, &host));
    return synchronize(*host);
  });
}

collResult_t collStreamQuery(collStream_t stream) {
  return guarded("collStreamQuery", [&] {
    HostStream* host = nullptr;
    COLL_TRY(existing(stream, &host));
    const auto visit = host->process->visit();
    bool moved = false;
    host->process->advance_streams(&moved);
    return host->stream->empty() ? host->stream->take_failure() : Status(collInProgress, "");
  });
}

collResult_t collStreamDestroy(collStream_t stream) {
  return guarded("collStreamDestroy", [&] {
    HostStream* host = nullptr;
    COLL_TRY(existing(stream, &host));
    const std::unique_ptr<HostStream> owned(host);
    return synchronize(*owned);
  });
}
}

COLL_TWIN(collStreamCreate);
COLL_TWIN(collStreamSynchronize);
COLL_TWIN(collStreamQuery);
COLL_TWIN(collStreamDestroy);
