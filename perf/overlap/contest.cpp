#include "contest.hpp"

#include <coll/coll_mpi.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "compute.hpp"
#include "perf/tools/bench.hpp"
#include "perf/tools/result.hpp"

namespace coll::perf {
namespace {

struct CodecDeleter {
  void operator()(collCodec_t codec) const { collCodecDestroy(codec); }
};
using CodecHandle = std::unique_ptr<std::remove_pointer_t<collCodec_t>, CodecDeleter>;

constexpr int kPilots = 5;     // calls that set the length of the compute loop
constexpr size_t kPeriod = 5;  // the inputs repeat; their sums are exact in float32

float input(int rank, size_t i) { return static_cast<float>(rank + 1) * static_cast<float>(i % kPeriod + 1); }

float exact_sum(int nranks, size_t i) {
  const int ranks_sum = nranks * (nranks + 1) / 2;
  return static_cast<float>(ranks_sum) * static_cast<float>(i % kPeriod + 1);
}

float* floats(const Buffer& buffer) { return reinterpret_cast<float*>(buffer.data()); }

}  // namespace

double OverlapRow::hidden() const {
  const double shorter = std::min(comm_us, compute_us);
  return shorter > 0 ? (comm_us + compute_us - both_us) / shorter : 0;
}

Lanes::~Lanes() {
  for (const collStream_t stream : streams_) {
    if (stream != nullptr) collStreamDestroy(stream);
  }
  for (const collComm_t comm : comms_) collCommDestroy(comm);
}

Problem Lanes::open(int timeout_ms) {
  for (const Way way : {Way::kThread, Way::kNoThread}) {
    const auto lane = static_cast<size_t>(way);
    ::setenv("COLL_PROGRESS", way == Way::kThread ? "on" : "off", 1);
    collConfig_t config = COLL_CONFIG_INITIALIZER;
    config.codec = "none";
    config.timeout_ms = timeout_ms;
    if (Problem p =
            library_problem(collCommInitMPI(&comms_[lane], MPI_COMM_WORLD, &config), nullptr, "collCommInitMPI"))
      return p;
    if (Problem p = library_problem(collStreamCreate(&streams_[lane]), nullptr, "collStreamCreate")) return p;
  }
  return {};
}

struct Contest::Contestant {
  std::string codec;
  Way way = Way::kThread;
  size_t count = 0;
  CodecHandle handle;  // NULL: exact
  size_t rounds = 1;   // of the compute loop
  std::vector<double> comm_us, compute_us, both_us;
  std::optional<uint64_t> wrong;
};

Contest::Contest(const OverlapOptions& options, const World& world, const Lanes& lanes)
    : options_(options),
      world_(world),
      lanes_(lanes),
      send_(options.max_bytes),
      recv_(options.max_bytes),
      other_(options.max_bytes) {
  for (size_t i = 0; i < options.max_bytes / sizeof(float); ++i) floats(send_)[i] = input(world.rank(), i);
}

Contest::~Contest() = default;

Problem Contest::enter(size_t count, std::vector<Contestant>* all) const {
  for (const std::string& codec : options_.codecs) {
    for (const Way way : {Way::kThread, Way::kNoThread}) {
      Contestant& one = all->emplace_back();
      one.codec = codec;
      one.way = way;
      one.count = count;
      if (codec == "none") continue;
      collCodec_t handle = nullptr;
      if (Problem p = library_problem(collCodecCreate(&handle, codec.c_str()), nullptr, "--codec " + codec)) return p;
      one.handle.reset(handle);
    }
  }
  if (count > INT_MAX) return {};
  Contestant& mpi = all->emplace_back();
  mpi.codec = "none";
  mpi.way = Way::kMpi;
  mpi.count = count;
  return {};
}

Problem Contest::start(Contestant* c) {
  if (c->way == Way::kMpi) {
    // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): finish() waits before the next start()
    const int result = MPI_Iallreduce(send_.data(), recv_.data(), static_cast<int>(c->count), MPI_FLOAT, MPI_SUM,
                                      world_.comm(), &request_);
    return result == MPI_SUCCESS ? Problem{} : Problem{"MPI_Iallreduce failed", 1};
  }
  const collComm_t comm = lanes_.comm(c->way);
  const collStream_t stream = lanes_.stream(c->way);
  const collResult_t result =
      c->handle == nullptr ? collAllReduce(send_.data(), recv_.data(), c->count, collFloat32, collSum, comm, stream)
                           : collAllReduceCompressed(send_.data(), recv_.data(), c->count, collFloat32, collSum,
                                                     c->handle.get(), comm, stream);
  return library_problem(result, comm, "collAllReduce with codec " + c->codec);
}

Problem Contest::finish(Contestant* c) {
  if (c->way == Way::kMpi) {
    return MPI_Wait(&request_, MPI_STATUS_IGNORE) == MPI_SUCCESS ? Problem{} : Problem{"MPI_Wait failed", 1};
  }
  return library_problem(collStreamSynchronize(lanes_.stream(c->way)), lanes_.comm(c->way), "collStreamSynchronize");
}

double Contest::timed(Contestant* c, bool communicates, bool computes) {
  communicates = communicates && !problem_;
  world_.barrier();
  const double begin = MPI_Wtime();
  if (communicates) problem_ = start(c);
  if (computes) sink_ = sink_ + compute(c->rounds);
  if (communicates && !problem_) problem_ = finish(c);
  return (MPI_Wtime() - begin) * 1e6;
}

// The loop of each contestant takes about as long as its own communication.
Problem Contest::calibrate(Contestant* c) {
  for (int i = 0; i < options_.warmup_iters; ++i) static_cast<void>(timed(c, true, false));
  std::vector<double> times;
  for (int i = 0; i < kPilots; ++i) times.push_back(timed(c, true, false));
  if (Problem p = world_.agree(problem_)) return p;
  c->rounds = rounds_for(options_.work * summarise(world_.over_ranks(times, Average::kMax)).p50);
  return {};
}

Problem Contest::measure(std::vector<Contestant>* all) {
  for (int i = 0; i < options_.iters; ++i) {
    for (Contestant& c : *all) {
      c.comm_us.push_back(timed(&c, true, false));
      c.compute_us.push_back(timed(&c, false, true));
      if (options_.check_iters > 0 && i == 0) std::memset(recv_.data(), 0xff, c.count * sizeof(float));
      c.both_us.push_back(timed(&c, true, true));
      if (options_.check_iters > 0 && i == 0) check(&c, *all);
    }
  }
  return world_.agree(problem_);
}

// Exact results are compared with the sums, coded ones with what the same calls gave the other way.
void Contest::check(Contestant* c, const std::vector<Contestant>& all) {
  const bool exact = c->handle == nullptr;
  uint64_t wrong = 0;
  for (size_t i = 0; i < c->count && exact; ++i) wrong += floats(recv_)[i] != exact_sum(world_.size(), i);
  const bool second = c != all.data() && (c - 1)->codec == c->codec && (c - 1)->way == Way::kThread;
  if (!exact && second) {
    const auto bits = [](float x) { return std::bit_cast<uint32_t>(x); };
    for (size_t i = 0; i < c->count; ++i) wrong += bits(floats(recv_)[i]) != bits(floats(other_)[i]);
  }
  std::memcpy(other_.data(), recv_.data(), c->count * sizeof(float));
  c->wrong = world_.sum(wrong);
}

Problem Contest::run(size_t count, std::vector<OverlapRow>* rows) {
  std::vector<Contestant> all;
  if (Problem p = world_.agree(enter(count, &all))) return p;
  for (Contestant& c : all) {
    if (Problem p = calibrate(&c)) return p;
  }
  if (Problem p = measure(&all)) return p;
  const auto median = [&](const std::vector<double>& times) {
    return summarise(world_.over_ranks(times, Average::kMax)).p50;
  };
  for (const Contestant& c : all) {
    OverlapRow& row = rows->emplace_back();
    row.size_bytes = count * sizeof(float);
    row.count = count;
    row.codec = c.codec;
    row.way = c.way;
    row.comm_us = median(c.comm_us);
    row.compute_us = median(c.compute_us);
    row.both_us = median(c.both_us);
    row.wrong = c.wrong;
  }
  return {};
}

}  // namespace coll::perf
