#include "transport/ucx/context.hpp"

#include <ucs/config/global_opts.h>

#include <cstdlib>
#include <cstring>

namespace coll::ucx {

namespace {

struct Setting {
  const char* name;
  const char* value;
};

// Shared memory is another transport's business, so that only networks are left. Those a machine lacks are passed over.
constexpr const char* kNetworks = "rc,ud,dc,tcp";
// ... and what UCX knows devices' memory by.
constexpr const char* kNetworksAndDevices = "rc,ud,dc,tcp,cuda_copy,gdr_copy";

Status failed(ucs_status_t status, const char* what) {
  return {collSystemError, text("UCX: ", what, ": ", words_of(status))};
}

// UCX writes what it thinks of to stdout. These are settings of the process: what a person has set stays.
void keep_quiet() {
  constexpr Setting kQuiet[] = {{"LOG_LEVEL", "fatal"}, {"WARN_UNUSED_ENV_VARS", "n"}, {"HANDLE_ERRORS", "none"}};
  for (const Setting& setting : kQuiet) {
    if (std::getenv(text("UCX_", setting.name).c_str()) != nullptr) continue;
    static_cast<void>(ucs_global_opts_set_value(setting.name, setting.value));
  }
}

constexpr Setting kTuning[] = {
    // Long messages wait until they are asked for. UCX's own choice over TCP is to send them at once up to some
    // MB, where several ranks that send to one fill its link's queue and lose packets.
    {"RNDV_THRESH", "64k"},
    // With UCX 1.13, a peer that dies while it acknowledges a put over TCP ends this process by an assertion.
    {"TCP_PUT_ENABLE", "n"},
};

Status configure(ucp_config_t* config, const WorkerOptions& options) {
  const char* const transports = options.direct ? kNetworksAndDevices : kNetworks;
  if (const auto status = ucp_config_modify(config, "TLS", transports); status != UCS_OK) return failed(status, "TLS");
  for (const Setting& setting : kTuning) {
    if (std::getenv(text("UCX_", setting.name).c_str()) != nullptr) continue;
    const auto status = ucp_config_modify(config, setting.name, setting.value);
    if (status != UCS_OK) return failed(status, setting.name);
  }
  // A person who names devices for UCX means them.
  if (options.device.empty() || std::getenv("UCX_NET_DEVICES") != nullptr) return {};
  const auto status = ucp_config_modify(config, "NET_DEVICES", options.device.c_str());
  return status == UCS_OK ? Status() : failed(status, "NET_DEVICES");
}

Status make_context(const WorkerOptions& options, ucp_context_h* context) {
  ucp_config_t* config = nullptr;
  if (const auto status = ucp_config_read(nullptr, nullptr, &config); status != UCS_OK) {
    return failed(status, "reading its configuration");
  }
  const std::unique_ptr<ucp_config_t, decltype(&ucp_config_release)> owned(config, &ucp_config_release);
  COLL_TRY(configure(config, options));
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_ESTIMATED_NUM_EPS | UCP_PARAM_FIELD_NAME |
                      UCP_PARAM_FIELD_MT_WORKERS_SHARED;
  params.features = UCP_FEATURE_TAG;
  params.estimated_num_eps = static_cast<size_t>(options.nranks);
  params.name = "libcoll";
  params.mt_workers_shared = options.direct ? 1 : 0;  // one thread registers memory while another is at the worker
  const auto status = ucp_init(&params, config, context);
  return status == UCS_OK ? Status() : failed(status, "making a context");
}

// A UCX that was built for one thread ignores that another registers memory.
bool may_register(ucp_context_h context, ucs_memory_type_t type) {
  ucp_context_attr_t facts{};
  facts.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES | UCP_ATTR_FIELD_THREAD_MODE;
  if (ucp_context_query(context, &facts) != UCS_OK) return false;
  return facts.thread_mode == UCS_THREAD_MODE_MULTI && (facts.memory_types & UCS_BIT(type)) != 0;
}

}  // namespace

std::string words_of(ucs_status_t status) { return ucs_status_string(status); }

Status Worker::make(const WorkerOptions& options, std::unique_ptr<Worker>* worker) {
  keep_quiet();
  std::unique_ptr<Worker> made(new Worker());
  COLL_TRY(make_context(options, &made->context_));
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE | UCP_WORKER_PARAM_FIELD_FLAGS;
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  params.flags = UCP_WORKER_FLAG_IGNORE_REQUEST_LEAK;
  if (const auto status = ucp_worker_create(made->context_, &params, &made->worker_); status != UCS_OK) {
    return failed(status, "making a worker");
  }
  if (options.direct && may_register(made->context_, *options.direct)) {
    made->registered_memory_ = std::make_unique<RegisteredMemory>(made->context_, *options.direct);
  }
  *worker = std::move(made);
  return {};
}

Worker::~Worker() {
  if (worker_ != nullptr) ucp_worker_destroy(worker_);
  registered_memory_.reset();  // behind the worker's messages, and before the context
  if (context_ != nullptr) ucp_cleanup(context_);
}

Status Worker::address(std::vector<std::byte>* bytes) const {
  ucp_address_t* address = nullptr;
  size_t length = 0;
  if (const auto status = ucp_worker_get_address(worker_, &address, &length); status != UCS_OK) {
    return failed(status, "the worker's address");
  }
  bytes->resize(length);
  std::memcpy(bytes->data(), address, length);
  ucp_worker_release_address(worker_, address);
  return {};
}

}  // namespace coll::ucx
