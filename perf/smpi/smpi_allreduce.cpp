// Allreduces of libcoll, or of SMPI itself, in SimGrid's simulated time; and what the simulated links do.
//
// One line of CSV for each size, by rank 0. run_smpi beside this file makes the platforms and starts it.
#include <mpi.h>
#include <time.h>

#undef exit  // a macro of SMPI's, and the name of a function of CLI11's
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "coll/coll.h"
#include "coll/coll_mpi.h"

namespace {

constexpr int kLevels = 16;                           // values of an element: 0 to 15
constexpr size_t kOwnBuffersBytes = size_t{1} << 31;  // of all ranks; beyond it they share their buffers
constexpr int kCheckedCalls = 16;                     // in which libcoll compares the ranks' arguments

struct Options {
  std::string library = "coll";
  std::vector<size_t> sizes = {1024, 65536, 16777216};
  std::string codec = "none";
  bool unchecked = false;
  bool stream = false;
};

struct World {
  int rank = 0;
  int nranks = 1;
  double next = 1;  // when all ranks start the next thing, in seconds
};

// Simulated ranks have one clock: all of them go on at the same moment, which no barrier would give.
double start_together(World* world) {
  while (world->next <= MPI_Wtime()) world->next += 1;
  const double left = world->next - MPI_Wtime();
  const timespec pause = {static_cast<time_t>(left), static_cast<long>((left - std::floor(left)) * 1e9)};
  nanosleep(&pause, nullptr);
  world->next += 1;
  return MPI_Wtime();
}

double latest(double mine) {
  double all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return all;
}

int level(int rank, size_t element) {
  return static_cast<int>((7 * element + 3 * static_cast<size_t>(rank)) % kLevels);
}

// What the ranks' elements sum up to; the same for every kLevels-th element.
std::vector<float> exact_sums(int nranks) {
  std::vector<float> sums(kLevels);
  for (size_t i = 0; i < sums.size(); ++i) {
    int sum = 0;
    for (int rank = 0; rank < nranks; ++rank) sum += level(rank, i);
    sums[i] = static_cast<float>(sum);
  }
  return sums;
}

// Ranks have buffers of their own where these fit; else all of them read one input and write one output, into which
// they put the same bits. MPI's own algorithms sum there, so theirs are memory that SMPI folds and does not copy.
class Buffers {
 public:
  Buffers(const World& world, size_t bytes, bool of_mpi)
      : own_(2 * bytes * static_cast<size_t>(world.nranks) <= kOwnBuffersBytes),
        folded_(!own_ && of_mpi),
        holder_(own_ || world.rank == 0),
        count_(bytes / sizeof(float)) {
    if (folded_) {
      send_ = static_cast<float*>(SMPI_SHARED_MALLOC(bytes));
      recv_ = static_cast<float*>(SMPI_SHARED_MALLOC(bytes));
      return;
    }
    if (holder_) {
      send_ = new float[count_];
      recv_ = new float[count_];
      for (size_t i = 0; i < count_; ++i) send_[i] = static_cast<float>(level(own_ ? world.rank : 0, i));
      std::fill_n(recv_, count_, -1.0F);
    }
    if (own_) return;
    uintptr_t places[] = {reinterpret_cast<uintptr_t>(send_), reinterpret_cast<uintptr_t>(recv_)};
    MPI_Bcast(places, sizeof places, MPI_BYTE, 0, MPI_COMM_WORLD);  // one process: addresses hold on every rank
    send_ = reinterpret_cast<float*>(places[0]);
    recv_ = reinterpret_cast<float*>(places[1]);
  }
  ~Buffers() {
    if (folded_) {
      SMPI_SHARED_FREE(send_);
      SMPI_SHARED_FREE(recv_);
    } else if (holder_) {
      delete[] send_;
      delete[] recv_;
    }
  }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  float* send() { return send_; }
  float* recv() { return recv_; }
  size_t count() const { return count_; }
  bool can_be_checked() const { return !folded_; }
  bool own() const { return own_; }

 private:
  const bool own_, folded_, holder_;
  const size_t count_;
  float* send_ = nullptr;
  float* recv_ = nullptr;
};

uint64_t digest(const float* values, size_t count) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, &values[i], sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3U;
  }
  return hash;
}

// Elements of all ranks that are further from the exact sum than `tolerance`, and one more where ranks differ in a bit.
long long wrong_elements(const World& world, Buffers& buffers, double tolerance) {
  std::vector<float> expected = exact_sums(world.nranks);
  if (!buffers.own()) {
    for (size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<float>(world.nranks * level(0, i));
  }
  long long mine = 0;
  for (size_t i = 0; i < buffers.count(); ++i) {
    mine += !(std::fabs(buffers.recv()[i] - expected[i % kLevels]) <= tolerance);
  }
  const uint64_t hash = digest(buffers.recv(), buffers.count());
  uint64_t first = hash;
  MPI_Bcast(&first, sizeof first, MPI_BYTE, 0, MPI_COMM_WORLD);
  mine += first != hash;
  long long all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  return all;
}

void need(collResult_t result, const char* what) {
  if (result == collSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, collGetLastError(nullptr));
  MPI_Abort(MPI_COMM_WORLD, 1);
}

// libcoll, or MPI in its place.
class Library {
 public:
  Library(const Options& options, const World& world) : of_mpi_(options.library == "mpi"), world_(world) {
    if (of_mpi_) return;
    need(collCommInitMPI(&comm_, MPI_COMM_WORLD, nullptr), "collCommInitMPI");
    if (options.stream) need(collStreamCreate(&stream_), "collStreamCreate");
    if (options.codec != "none") need(collCodecCreate(&codec_, options.codec.c_str()), "collCodecCreate");
    float in = 0;
    float out = 0;
    const char* const check = std::getenv("COLL_CHECK");
    const int calls = check != nullptr && std::strcmp(check, "0") == 0 ? 0 : kCheckedCalls;
    for (int i = 0; i < calls; ++i) need(collAllReduce(&in, &out, 1, collFloat32, collSum, comm_, nullptr), "");
  }
  ~Library() {
    if (stream_ != nullptr) collStreamDestroy(stream_);
    if (codec_ != nullptr) collCodecDestroy(codec_);
    if (comm_ != nullptr) collCommDestroy(comm_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  bool of_mpi() const { return of_mpi_; }

  void all_reduce(Buffers& buffers) {
    const size_t count = buffers.count();
    if (of_mpi_) {
      MPI_Allreduce(buffers.send(), buffers.recv(), static_cast<int>(count), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    } else if (codec_ != nullptr) {
      need(collAllReduceCompressed(buffers.send(), buffers.recv(), count, collFloat32, collSum, codec_, comm_, stream_),
           "collAllReduceCompressed");
    } else {
      need(collAllReduce(buffers.send(), buffers.recv(), count, collFloat32, collSum, comm_, stream_), "collAllReduce");
    }
    if (stream_ != nullptr) need(collStreamSynchronize(stream_), "collStreamSynchronize");
  }

  // The chosen algorithm, its chunks, and how long it was predicted to take.
  std::string plan(size_t count) {
    if (of_mpi_) return "-,-,-";
    size_t needed = 0;
    need(collCommQueryPlan(comm_, collFuncAllReduce, count, collFloat32, codec_, nullptr, 0, &needed), "plan");
    std::string json(needed, '\0');
    need(collCommQueryPlan(comm_, collFuncAllReduce, count, collFloat32, codec_, json.data(), needed, &needed), "plan");
    const auto plan = nlohmann::json::parse(json.c_str());
    char words[128];
    std::snprintf(words, sizeof words, "%s,%d,%.1f", plan["algorithm"].get<std::string>().c_str(),
                  plan["chunks"].get<int>(), plan["predicted_us"].get<double>());
    return words;
  }

  // Exact where no codec is named; else the codec's bound, for every contribution and for the result.
  double tolerance() const {
    if (codec_ == nullptr) return 0;
    collCodecInfo_t info{};
    info.size = sizeof info;
    need(collCodecGetInfo(codec_, &info), "collCodecGetInfo");
    const double largest_sum = world_.nranks * (kLevels - 1.0);
    switch (info.bound_kind) {
      case collBoundNone:
        return 0;
      case collBoundAbsolute:
        return info.bound_value;
      case collBoundResult:
        return info.bound_value * largest_sum;
      default:  // the result that is encoded holds the contributions' errors
        return info.bound_value * (2 + info.bound_value) * largest_sum;
    }
  }

 private:
  const bool of_mpi_;
  const World& world_;
  collComm_t comm_ = nullptr;
  collCodec_t codec_ = nullptr;
  collStream_t stream_ = nullptr;
};

bool run_size(const Options& options, Library& library, World* world, size_t bytes) {
  Buffers buffers(*world, bytes, library.of_mpi());
  if (library.of_mpi()) library.all_reduce(buffers);  // SMPI's selectors look at the hosts in a first call
  const double begun = start_together(world);
  library.all_reduce(buffers);
  const double us = (latest(MPI_Wtime()) - begun) * 1e6;
  const bool checked = !options.unchecked && buffers.can_be_checked();
  const long long wrong = checked ? wrong_elements(*world, buffers, library.tolerance()) : 0;
  if (world->rank == 0) {
    std::printf("%s,%d,%zu,\"%s\",%s,%.2f,%s\n", options.library.c_str(), world->nranks, bytes, options.codec.c_str(),
                library.plan(buffers.count()).c_str(), us, checked ? std::to_string(wrong).c_str() : "not checked");
    std::fflush(stdout);
  }
  return wrong == 0;
}

// Half of a round trip between rank 0 and `peer`; other ranks go along.
double one_way_us(World* world, int peer, int bytes) {
  std::vector<char> data(static_cast<size_t>(bytes));
  const double begun = start_together(world);
  if (world->rank == 0) {
    MPI_Send(data.data(), bytes, MPI_CHAR, peer, 0, MPI_COMM_WORLD);
    MPI_Recv(data.data(), bytes, MPI_CHAR, peer, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  } else if (world->rank == peer) {
    MPI_Recv(data.data(), bytes, MPI_CHAR, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Send(data.data(), bytes, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
  }
  return (MPI_Wtime() - begun) * 1e6 / 2;
}

// Latency and bandwidth to the next rank and to the last, which are on the same host where ranks share one, or not.
void measure_links(World* world) {
  constexpr int kShort = 4;
  constexpr int kLong = 4 << 20;
  for (const int peer : {1, world->nranks - 1}) {
    const double latency = one_way_us(world, peer, kShort);
    const double transfer = one_way_us(world, peer, kLong) - latency;
    if (world->rank == 0) std::printf("link,%d,%.4f,%.4f\n", peer, latency, kLong / transfer / 1000);
  }
}

int run(const Options& options) {
  World world;
  MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &world.nranks);
  if (options.library == "links") {
    if (world.nranks > 1) measure_links(&world);
    return 0;
  }
  bool right = true;
  Library library(options, world);
  for (const size_t bytes : options.sizes) right = run_size(options, library, &world, bytes) && right;
  return right || world.rank != 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Allreduces of float32 in the simulated time of SimGrid's SMPI");
  app.add_option("library", options.library, "coll, mpi, or links to measure these")
      ->check(CLI::IsMember({"coll", "mpi", "links"}));
  app.add_option("--bytes", options.sizes, "sizes of the vector")->delimiter(',')->check(CLI::Range(4, 1 << 30));
  app.add_option("--codec", options.codec, "codec of libcoll's calls");
  app.add_flag("--stream", options.stream, "libcoll's calls on a stream, which poll in simulated time");
  app.add_flag("--unchecked", options.unchecked, "do not look at the results: for memory that is folded");
  CLI11_PARSE(app, argc, argv);
  MPI_Init(&argc, &argv);
  const int status = run(options);
  MPI_Finalize();
  return status;
}
