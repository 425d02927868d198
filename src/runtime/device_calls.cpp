// Calls in the order of a device's streams: whose memory their buffers are, which line they join, and how they begin.
#include <utility>

#include "runtime/communicator.hpp"
#include "runtime/device_call.hpp"
#include "runtime/device_work.hpp"

namespace coll {

namespace {

constexpr size_t kMostLines = 16;  // kept; of more streams the idle ones are forgotten

// One buffer after the other: a call's memory is one device's, the host's, or both.
class Locator {
 public:
  explicit Locator(const DeviceOperations& operations) : operations_(operations) {}

  Status look(const void* address, const char* what, bool* on_device) {
    if (address == nullptr) return {};
    MemoryOwner owner;
    COLL_TRY(operations_.owner_of(address, &owner));
    reached_ &= owner.kind != MemoryKind::kHost;
    *on_device = owner.on_device();
    if (!*on_device) return {};
    if (owner.kind == MemoryKind::kManaged) {  // any device reaches it
      managed_ = owner.device;
      return {};
    }
    if (device_ < 0) device_ = owner.device;
    if (owner.device == device_) return {};
    return {collInvalidArgument, text(what, " is memory of device ", owner.device, ", and another buffer of device ",
                                      device_, "; a call's buffers have to be on one device")};
  }
  int device() const { return device_ >= 0 ? device_ : managed_; }
  bool reached() const { return reached_; }

 private:
  const DeviceOperations& operations_;
  int device_ = -1;
  int managed_ = -1;
  bool reached_ = true;
};

// The batch of one call, closed whatever happens.
class OpenBatch {
 public:
  explicit OpenBatch(DeviceLine& line) : line_(line) {}
  ~OpenBatch() { static_cast<void>(close()); }
  OpenBatch(const OpenBatch&) = delete;
  OpenBatch& operator=(const OpenBatch&) = delete;

  Status open() {
    COLL_TRY(line_.open_batch());
    open_ = true;
    return {};
  }
  Status close() { return std::exchange(open_, false) ? line_.close_batch() : Status(); }

 private:
  DeviceLine& line_;
  bool open_ = false;
};

}  // namespace

// `device`: of the buffers; -1 where all are the host's.
Status Communicator::locate(const DeviceOperations& operations, Call* call, int* device) const {
  Locator locator(operations);
  if (call->count > 0) {
    COLL_TRY(locator.look(call->send, "send", &call->on_device.send));
    COLL_TRY(locator.look(call->recv, "recv", &call->on_device.recv));
    call->on_device.reached = locator.reached();
    if (call->scale) COLL_TRY(locator.look(call->scale->at, "the operator's scalar", &call->on_device.scalar));
  }
  *device = locator.device();
  return {};
}

Status Communicator::place(collStream_t handle, Call* call, std::shared_ptr<Stream>* stream) {
  DevicePort& port = base_.process->devices();
  std::string why_not;
  const DeviceOperations* const operations = handle != nullptr ? port.operations(&why_not) : port.known();
  if (operations == nullptr && handle == nullptr) return {};
  if (operations == nullptr) {
    return {collUnsupported, text("stream is none that collStreamCreate() gave, and CUDA is not to be had: ", why_not)};
  }
  int device = -1;
  COLL_TRY(locate(*operations, call, &device));
  if (*stream) {
    if (device < 0) return {};
    return {collInvalidArgument, "the buffers are device memory, and the stream is a host stream; pass a CUDA stream"};
  }
  if (handle == nullptr && device < 0) return {};
  if (device < 0) COLL_TRY(operations->current(&device));
  std::shared_ptr<DeviceLine> line;
  COLL_TRY(find_line(device, handle, &line));
  COLL_TRY(reserve(*line, device, call));
  *stream = std::move(line);
  return {};
}

Status Communicator::reserve(DeviceLine& line, int device, Call* call) {
  call->on_device.direct = line.has_direct();
  DeviceRoom room = find_room(line, call);
  if (room.direct > 0) COLL_TRY(reserve_direct(line, call, &room));
  COLL_TRY(line.reserve(room, &call->on_device.lends));
  if (room.words == 0) return {};
  const DeviceOperations& operations = line.operations();
  return on_device(operations, device, [&] {
    device_peers_.open(operations, *base_.log);
    return Status();
  });
}

// A device or a network that has no room for it is no reason not to make the call.
Status Communicator::reserve_direct(DeviceLine& line, Call* call, DeviceRoom* room) {
  Status refused;
  COLL_TRY(line.reserve_direct(room->direct, &refused));
  if (refused.ok()) return {};
  base_.log->info(LogPart::kTransport, "messages to other nodes lie in pinned memory: ", refused.message());
  call->on_device.direct = false;
  *room = find_room(line, call);
  return {};
}

void Communicator::close_device_peers() {
  const DeviceOperations* const operations = base_.process->devices().known();
  if (operations == nullptr || device_ < 0) return;
  static_cast<void>(on_device(*operations, device_, [&] {
    device_peers_.close(*operations);
    return Status();
  }));
}

// How the call will run, and what that takes.
DeviceRoom Communicator::find_room(const DeviceLine& line, Call* call) {
  Selection selection;
  if (selects_device(*call, &selection)) {
    if (!selection.codec) publish_buffers(call);  // coded messages are nowhere in them
    const DeviceRoom room = device_room(*call, selection, around_.device_ways());
    call->on_device.steps = line.takes(room.orders);
    if (call->on_device.steps) return room;
  }
  return {.pinned = staged_bytes(*call, base_.nranks)};
}

// Peers may read messages in memory that the library gave the program where they lie.
void Communicator::publish_buffers(Call* call) {
  if (around_.device_peers == nullptr || !device_peers_.any()) return;
  DeviceMemories& memories = base_.process->device_memories();
  DeviceBuffers& buffers = call->on_device;
  const auto published = [&](const std::byte* at, size_t bytes) {
    return device_peers_.publish_of_program(memories, at, bytes);
  };
  if (buffers.send) buffers.send_memory = published(call->send, input_bytes(*call, base_.nranks));
  if (buffers.recv) buffers.recv_memory = published(call->recv, output_bytes(*call, base_.nranks));
}

// Whether the call's steps may run on the device, as `selection` says. What cannot be planned fails when the call
// begins.
bool Communicator::selects_device(const Call& call, Selection* selection) {
  if (!call.on_device.any() || call.count == 0 || call.function == Function::kBarrier) return false;
  if (needs_settling(call, base_.nranks) && !base_.config.deterministic) return false;
  const std::lock_guard lock(busy_);
  return select(call, selection).ok() && runs_on_device(call, *selection, base_.config.env.staged_bytes);
}

// The program may be at the end of its stream outside of the library, so somebody else has to move its calls on.
Status Communicator::may_use_device(int device) const {
  if (device_ >= 0 && device != device_) {
    return {collInvalidArgument,
            text("the call is on device ", device, ", and this communicator has been used on device ", device_,
                 "; make a communicator for each device")};
  }
  if (!base_.fabric->any_thread()) {
    return {collInvalidUsage,
            "calls on a device are moved on by a thread of the library, and MPI was not initialised for that: call "
            "MPI_Init_thread() with MPI_THREAD_MULTIPLE, or leave messages to UCX or shared memory "
            "(COLL_TRANSPORT=^mpi)"};
  }
  if (base_.config.env.progress == "off") {
    return {
        collInvalidUsage,
        "calls on a device are moved on by the library's progress thread, which COLL_PROGRESS=off forbids; set it to "
        "auto or on"};
  }
  return {};
}

std::vector<std::shared_ptr<DeviceLine>> Communicator::lines() const {
  const std::lock_guard lock(lines_mutex_);
  std::vector<std::shared_ptr<DeviceLine>> all;
  for (const auto& [stream, line] : lines_) all.push_back(line);
  return all;
}

// Only the program's threads ask: a thread that moves calls on must not wait for the driver.
Status Communicator::look_at_devices() {
  for (const auto& line : lines()) {
    const Status status = line->failure();
    if (status.ok()) continue;
    const std::lock_guard lock(busy_);
    return poison(status, true);
  }
  return {};
}

Status Communicator::find_line(int device, collStream_t handle, std::shared_ptr<DeviceLine>* line) {
  COLL_TRY(failure());
  COLL_TRY(look_at_devices());
  COLL_TRY(may_use_device(device));
  if (const auto known = lines_.find(handle); known != lines_.end()) {
    *line = known->second;
    return {};
  }
  if (lines_.size() >= kMostLines) forget_idle_lines();
  const DeviceWays ways{&device_peers_, &device_direct_};
  auto made = std::make_shared<DeviceLine>(base_.process->devices(), ways, device, handle, base_.config.env.max_ctas);
  if (Status status = made->open(); !status.ok()) {
    made->close(true);
    return status;
  }
  base_.process->add(made);
  device_ = device;
  *line = made;
  const std::lock_guard lock(lines_mutex_);
  lines_[handle] = std::move(made);
  return {};
}

void Communicator::forget_idle_lines() {
  std::vector<std::shared_ptr<DeviceLine>> idle;
  {
    const std::lock_guard lock(lines_mutex_);
    std::erase_if(lines_, [&](const auto& each) {
      if (!each.second->empty() || each.second.use_count() > 1) return false;  // a group may have calls for it
      idle.push_back(each.second);
      return true;
    });
  }
  for (const auto& each : idle) each->close(false);
}

// The device is asked and told without the communicator's lock, and outside of visits: calls that came before may have
// to be moved on meanwhile.
Status Communicator::run_on_line(const Call& call, DeviceLine& line) {
  if (line.batch() != nullptr) return enqueue_on_line(call, line);  // one of a group's calls
  OpenBatch batch(line);
  COLL_TRY(batch.open());
  Status status = enqueue_on_line(call, line);
  const Status closed = batch.close();
  if (!status.ok() || closed.ok()) return status;
  const std::lock_guard lock(busy_);
  return poison(closed, true);  // the peers wait for the call
}

Status Communicator::enqueue_on_line(const Call& call, DeviceLine& line) {
  const auto visit = base_.process->visit();
  const std::lock_guard lock(busy_);
  std::unique_ptr<Operation> operation;
  auto device_call = std::make_unique<DeviceCall>(call, base_.nranks, line.batch());
  COLL_TRY(device_call->prepare());
  COLL_TRY(begin(device_call->on_host(), &operation));
  if (call.on_device.steps) {
    // The call has its number, so that the peers wait for it.
    const Status status = operation->execution_->work_on_device(line.batch());
    if (!status.ok()) return poison(status, true);
  }
  operation->device_call_ = std::move(device_call);
  operation->here_ = operation->gone_ = false;
  line.enqueue(std::move(operation));
  base_.process->wake_progress({base_.topology, base_.rank});
  return {};
}

size_t Communicator::device_bytes() const {
  size_t bytes = 0;
  for (const auto& line : lines()) bytes += line->device_bytes();
  return bytes;
}

size_t Communicator::memory_bytes() const {
  size_t bytes = base_.fabric->memory_bytes() + base_.process->staging()->held_bytes();
  for (const auto& line : lines()) bytes += line->pinned_bytes();
  return bytes;
}

}  // namespace coll
