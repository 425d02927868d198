#include "bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "numbers.hpp"

namespace coll::perf {
namespace {

constexpr size_t kFullCheckBytes = size_t{64} << 20;
constexpr std::byte kPoison{0xff};  // a NaN in every float type

// Memory that peers on the node can reach directly.
const Allocator kLibraryMemory = {[](size_t bytes) -> void* {
                                    void* memory = nullptr;
                                    return collMemAlloc(&memory, bytes) == collSuccess ? memory : nullptr;
                                  },
                                  [](void* memory) { collMemFree(memory); }};

// Of the host's buffers.
const Allocator& memory_of(const Options& options) {
  return options.library_memory && !options.device_memory ? kLibraryMemory : kHostMemory;
}

struct CodecDeleter {
  void operator()(collCodec_t codec) const { collCodecDestroy(codec); }
};
using CodecHandle = std::unique_ptr<std::remove_pointer_t<collCodec_t>, CodecDeleter>;

// The bound that collCodecGetInfo states, and what lies outside of it: a cast below and above its format's normal
// range, block scales that cannot get smaller than the smallest normal float32, and float64, which is cast to float32
// first.
Lossiness lossiness(const collCodecInfo_t& info, collDataType_t type, int encodings) {
  const bool casts = info.bound_kind == collBoundRelative;
  const auto cast = type_named(std::string_view(info.name) == "fp16" ? "half" : info.name);
  const TypeFacts& wire = facts(casts && cast ? *cast : collFloat32);
  Lossiness loss;
  loss.kind = info.bound_kind;
  loss.value = info.bound_value + (type == collFloat64 ? facts(collFloat32).roundoff : 0);
  loss.block = std::max<size_t>(info.block, 1);
  loss.floor = casts ? wire.smallest : 0x1p-126;
  loss.largest = wire.largest;
  loss.encodings = info.lossless != 0 ? 0 : encodings;
  return loss;
}

collStats_t stats_of(collComm_t comm) {
  collStats_t stats = {};
  stats.size = sizeof(stats);
  collCommGetStats(comm, &stats);
  return stats;
}

// Of a codec by its spec.
Problem info_of(const std::string& spec, collCodecInfo_t* info) {
  collCodec_t made = nullptr;
  if (Problem p = library_problem(collCodecCreate(&made, spec.c_str()), nullptr, "codec " + spec)) return p;
  const CodecHandle owned(made);
  return library_problem(collCodecGetInfo(made, info), nullptr, "collCodecGetInfo");
}

}  // namespace

struct Bench::Contestant {
  std::string codec;   // the spec; of the baseline, its name
  CodecHandle handle;  // NULL: exact
  Lossiness loss;
  std::string algorithm, chosen;
  size_t count = 0;
  bool in_place = false, baseline = false;
  std::optional<Verdict> verdict;
  std::vector<double> times_us;
  uint64_t sent_bytes = 0, exact_bytes = 0;  // of the timed calls, this rank
};

Problem library_problem(collResult_t result, collComm_t comm, const std::string& what) {
  if (result == collSuccess) return {};
  const std::string said = collGetLastError(comm);
  const bool usage = result == collInvalidArgument || result == collUnsupported;
  return {said.empty() ? fmt::format("{}: {}", what, collGetErrorString(result)) : said, usage ? 2 : 1};
}

Bench::Bench(const Setting& setting, const Input& input, collRedOp_t op, size_t max_count)
    : setting_(setting),
      input_(input),
      op_(op),
      send_(max_count * facts(input.type()).bytes * (setting.collective.send_scaled ? setting.world.size() : 1),
            memory_of(setting.options)),
      recv_(max_count * facts(input.type()).bytes *
                (setting.collective.send_scaled || setting.collective.recv_scaled ? setting.world.size() : 1),
            memory_of(setting.options)) {
  const size_t elements = max_count * (setting.collective.send_scaled ? setting.world.size() : 1);
  input_.fill(setting.world.rank(), 0, elements, send_.data());
  if (setting.device == nullptr) return;
  const size_t send_bytes = bytes_of(max_count, setting.collective.send_scaled);
  const size_t recv_bytes = bytes_of(max_count, setting.collective.send_scaled || setting.collective.recv_scaled);
  device_send_ = std::make_unique<DeviceMemory>(*setting.device, send_bytes, setting.options.library_memory);
  device_recv_ = std::make_unique<DeviceMemory>(*setting.device, recv_bytes, setting.options.library_memory);
  made_ = setting.device->copy(device_send_->data(), send_.data(), send_bytes);
}

size_t Bench::bytes_of(size_t count, bool scaled) const {
  return count * facts(input_.type()).bytes * (scaled ? static_cast<size_t>(setting_.world.size()) : 1);
}

bool Bench::has_baseline(size_t count) const {
  const bool reduces = setting_.collective.tool.reduces;
  if (reduces && (mpi_type(input_.type()) == MPI_DATATYPE_NULL || mpi_op(op_) == MPI_OP_NULL)) return false;
  return bytes_of(count, false) <= INT_MAX;
}

Problem Bench::prepare(const std::string& spec, size_t count, Contestant* c) const {
  c->codec = spec;
  c->count = count;
  collCodecInfo_t info = {};
  info.size = sizeof(info);
  if (spec != "none") {
    collCodec_t handle = nullptr;
    if (Problem p = library_problem(collCodecCreate(&handle, spec.c_str()), nullptr, "--codec " + spec)) return p;
    c->handle.reset(handle);
    if (Problem p = library_problem(collCodecGetInfo(handle, &info), nullptr, "collCodecGetInfo")) return p;
  }
  const auto query = [&](char* text, size_t capacity, size_t* needed) {
    const collResult_t result = collCommQueryPlan(setting_.comm, setting_.collective.func, count, input_.type(),
                                                  c->handle.get(), text, capacity, needed);
    return library_problem(result, setting_.comm, "collCommQueryPlan with codec " + spec);
  };
  size_t needed = 0;
  if (Problem p = query(nullptr, 0, &needed)) return p;
  std::string text(needed, '\0');
  if (Problem p = query(text.data(), text.size(), &needed)) return p;
  const auto plan = nlohmann::json::parse(text.c_str(), nullptr, false);
  if (!plan.is_object()) return {"collCommQueryPlan gave no JSON: " + text, 1};
  c->algorithm = plan.value("algorithm", "");
  c->chosen = plan.value("codec", "");
  const bool data_decides = info.bound_kind == collBoundAbsolute;  // so that the plan does not tell what happens
  if (c->chosen != "none" && spec.starts_with("auto")) {
    if (Problem p = info_of(c->chosen, &info)) return p;
  }
  c->loss = c->chosen == "none" && !data_decides ? Lossiness{}
                                                 : lossiness(info, input_.type(), plan.value("quantisations", 2));
  if (data_decides) c->loss.encodings = 1;
  return {};
}

Problem Bench::restore_input(const Contestant& c) const {
  if (!c.in_place || has_no_result()) return {};
  const Collective& what = setting_.collective;
  const auto rank = static_cast<size_t>(setting_.world.rank());
  const size_t place = what.recv_scaled ? rank * bytes_of(c.count, false) : 0;
  if (what.tool.rooted && setting_.options.root != setting_.world.rank()) return {};
  const size_t bytes = bytes_of(c.count, what.send_scaled);
  if (setting_.device != nullptr) return setting_.device->copy(recv_base() + place, send_base(), bytes);
  std::memcpy(recv_.data() + place, send_.data(), bytes);
  return {};
}

Problem Bench::poison_result(size_t bytes) const {
  std::memset(recv_.data(), static_cast<int>(kPoison), bytes);
  return setting_.device != nullptr ? setting_.device->copy(recv_base(), recv_.data(), bytes) : Problem{};
}

// To where it is judged.
Problem Bench::fetch_result(size_t bytes) const {
  return setting_.device != nullptr ? setting_.device->copy(recv_.data(), recv_base(), bytes) : Problem{};
}

bool Bench::has_no_result() const {
  return setting_.collective.gives == Gives::kRootsResult && setting_.options.root != setting_.world.rank();
}

bool Bench::gives_all_the_same() const {
  return setting_.collective.gives == Gives::kResult && !setting_.collective.send_scaled;
}

Problem Bench::call(Contestant* c) const {
  const Collective& what = setting_.collective;
  const World& world = setting_.world;
  const size_t mine = static_cast<size_t>(world.rank()) * bytes_of(c->count, false);
  std::byte* recv = recv_base() + (c->in_place && what.send_scaled ? mine : 0);
  const bool in_place = c->in_place && !has_no_result();
  const std::byte* send = !in_place ? send_base() : recv_base() + (what.recv_scaled ? mine : 0);
  if (!c->baseline) {
    const Call call{send,
                    recv,
                    c->in_place,
                    c->count,
                    input_.type(),
                    op_,
                    setting_.options.root,
                    c->handle.get(),
                    setting_.comm,
                    setting_.stream,
                    world.rank(),
                    world.size()};
    collResult_t result = what.call(call);
    const bool on_host_stream = call.stream != nullptr && setting_.device == nullptr;
    if (result == collSuccess && on_host_stream) result = collStreamSynchronize(call.stream);
    if (result == collSuccess) return {};  // words take as long as a short call
    return library_problem(result, setting_.comm, fmt::format("{} with codec {}", what.tool.name, c->codec));
  }
  // Types that MPI lacks can be moved as bytes.
  const bool bytes = mpi_type(input_.type()) == MPI_DATATYPE_NULL;
  // MPI's in-place reduce-scatter reads the whole vector from the receive buffer and leaves its block at the front.
  const MpiCall call{in_place ? MPI_IN_PLACE : send,
                     in_place ? recv_.data() : recv,
                     static_cast<int>(bytes ? bytes_of(c->count, false) : c->count),
                     bytes ? MPI_BYTE : mpi_type(input_.type()),
                     mpi_op(op_),
                     setting_.options.root,
                     world.rank(),
                     world.comm()};
  if (what.baseline(call) != MPI_SUCCESS) return {fmt::format("{} failed", what.baseline_name), 1};
  return {};
}

// What the result on this rank is made of.
std::vector<Segment> Bench::segments_of(const Contestant& c, const std::byte* result) const {
  const Collective& what = setting_.collective;
  const auto rank = static_cast<size_t>(setting_.world.rank()), n = static_cast<size_t>(setting_.world.size());
  const size_t begin = what.send_scaled ? rank * c.count : 0;
  const size_t inputs = what.send_scaled ? n * c.count : c.count;
  if (has_no_result()) return {};
  std::vector<Segment> segments;
  if (what.recv_scaled) {
    for (size_t r = 0; r < n; ++r) {
      segments.push_back({{static_cast<int>(r)}, begin, inputs, c.count, result + r * bytes_of(c.count, false)});
    }
    return segments;
  }
  std::vector<int> ranks = {setting_.options.root};
  if (what.gives == Gives::kOfRankBefore) ranks = {static_cast<int>((rank + n - 1) % n)};
  if (what.tool.reduces) {
    ranks.resize(n);
    std::iota(ranks.begin(), ranks.end(), 0);
  }
  return {{ranks, begin, inputs, c.count, result}};
}

Verdict Bench::judge(const Contestant& c) const {
  const Collective& what = setting_.collective;
  const auto rank = static_cast<size_t>(setting_.world.rank()), n = static_cast<size_t>(setting_.world.size());
  const std::byte* result = recv_.data() + (c.in_place && what.send_scaled ? rank * bytes_of(c.count, false) : 0);
  const std::vector<Segment> segments = segments_of(c, result);
  // Where all ranks hold the same result, which the hash shows, each looks at its share of it.
  const bool shared = gives_all_the_same();
  const size_t begin = shared ? c.count * rank / n : 0;
  const size_t count = (shared ? c.count * (rank + 1) / n : c.count) - begin;
  const size_t whole = bytes_of(c.count, what.send_scaled || what.recv_scaled);
  const double part =
      std::min(1.0, static_cast<double>(kFullCheckBytes) / static_cast<double>(std::max<size_t>(whole, 1)));
  const Reference reference(input_, op_, c.loss);
  Verdict mine;
  for (const Segment& segment : segments) {
    for (const Span& span : sample(count, static_cast<size_t>(part * static_cast<double>(count)))) {
      reference.check(segment, begin + span.begin, span.count, &mine);
    }
  }
  const uint64_t hash = shared ? hash_bytes(result, bytes_of(c.count, what.recv_scaled)) : 0;
  return setting_.world.combine(mine, shared, hash);
}

Problem Bench::verify(Contestant* c) const {
  for (int i = 0; i < setting_.options.check_iters; ++i) {
    const bool scaled = setting_.collective.send_scaled || setting_.collective.recv_scaled;
    const size_t bytes = bytes_of(c->count, scaled);
    Problem failed = poison_result(bytes);
    if (!failed) failed = restore_input(*c);
    double us = 0;
    if (Problem p = setting_.world.agree(failed)) return p;
    if (Problem p = setting_.world.agree(timed_call(c, &us))) return p;
    if (Problem p = setting_.world.agree(fetch_result(bytes))) return p;
    const Verdict found = judge(*c);
    if (!c->verdict) c->verdict = Verdict{};
    c->verdict->wrong += found.wrong;
    c->verdict->max_abs_error = std::max(c->verdict->max_abs_error, found.max_abs_error);
    c->verdict->error_bound = std::max(c->verdict->error_bound, found.error_bound);
    c->verdict->worst_ratio = std::max(c->verdict->worst_ratio, found.worst_ratio);
  }
  return {};
}

// On a device the stream's time; an error that came later than the call is the communicator's.
Problem Bench::timed_call(Contestant* c, double* us) const {
  if (setting_.device == nullptr) {
    const double start = MPI_Wtime();
    Problem problem = call(c);
    *us = (MPI_Wtime() - start) * 1e6;
    return problem;
  }
  if (Problem p = setting_.device->start()) return p;
  if (Problem p = call(c)) return p;
  if (Problem p = setting_.device->stop(us)) return p;
  collResult_t state = collSuccess;
  collCommGetAsyncError(setting_.comm, &state);
  return library_problem(state == collInProgress ? collSuccess : state, setting_.comm,
                         std::string(setting_.collective.tool.name));
}

Problem Bench::measure(std::vector<Contestant>* contestants, Progress* progress) const {
  Problem problem;
  for (int i = -setting_.options.warmup_iters; i < setting_.options.iters; ++i) {
    for (Contestant& c : *contestants) {
      if (!problem) problem = restore_input(c);
      const collStats_t before = stats_of(setting_.comm);
      setting_.world.barrier();
      double us = 0;
      // After a failure only the barriers go on, so that no rank is left waiting.
      if (!problem) problem = timed_call(&c, &us);
      progress->step(fmt::format("{} {} {}", size_text(static_cast<double>(bytes_of(c.count, false))), c.codec,
                                 c.in_place ? "in place" : "out of place"));
      if (i < 0) continue;
      const collStats_t after = stats_of(setting_.comm);
      c.times_us.push_back(us);
      c.sent_bytes += after.sent_bytes - before.sent_bytes;
      c.exact_bytes += after.exact_bytes - before.exact_bytes;
    }
  }
  return setting_.world.agree(problem);
}

Row Bench::row_of(const Contestant& c, const std::vector<Contestant>& all) const {
  const Collective& what = setting_.collective;
  const World& world = setting_.world;
  Row row;
  row.size_bytes = bytes_of(c.count, what.send_scaled || what.recv_scaled);
  row.count = c.count;
  row.type = facts(input_.type()).name;
  row.redop = what.tool.reduces ? all_ops()[op_] : "none";
  row.codec = c.codec;
  row.algorithm = c.algorithm;
  row.chosen = c.chosen;
  row.in_place = c.in_place;
  row.time_us = summarise(c.times_us);
  row.algbw_gbs = row.time_us.p50 > 0 ? static_cast<double>(row.size_bytes) / row.time_us.p50 / 1e3 : 0;
  row.busbw_gbs = row.algbw_gbs * what.bus_factor(world.size());
  row.sent_bytes = world.max(c.sent_bytes) / static_cast<uint64_t>(setting_.options.iters);
  const uint64_t sent = world.sum(c.sent_bytes), exact = world.sum(c.exact_bytes);
  row.ratio = sent > 0 ? static_cast<double>(exact) / static_cast<double>(sent) : 1;
  row.verdict = c.verdict;
  for (const Contestant& other : all) {
    if (!other.baseline) continue;
    const double p50 = summarise(other.times_us).p50;
    row.baseline = BaselineResult{what.baseline_name, p50, row.time_us.p50 > 0 ? p50 / row.time_us.p50 : 1};
  }
  return row;
}

Problem Bench::run(size_t count, bool in_place, Progress* progress, std::vector<Row>* rows) {
  std::vector<Contestant> contestants;
  for (const std::string& spec : setting_.options.codecs) {
    Contestant& c = contestants.emplace_back();
    c.in_place = in_place;
    if (Problem p = setting_.world.agree(prepare(spec, count, &c))) return p;
    if (Problem p = verify(&c)) return p;
  }
  if (setting_.options.baseline && has_baseline(count)) {
    Contestant& c = contestants.emplace_back();
    c.codec = setting_.collective.baseline_name;
    c.count = count;
    c.in_place = in_place;
    c.baseline = true;
  }
  if (Problem p = measure(&contestants, progress)) return p;
  for (Contestant& c : contestants) c.times_us = setting_.world.over_ranks(c.times_us, setting_.options.average);
  for (const Contestant& c : contestants) {
    if (!c.baseline) rows->push_back(row_of(c, contestants));
  }
  return {};
}

}  // namespace coll::perf
