#include "world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace coll::perf {

World::World(int* argc, char*** argv, int threads) {
  int provided = 0;
  MPI_Init_thread(argc, argv, threads, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

World::~World() { MPI_Finalize(); }

Problem World::agree(const Problem& mine) const {
  int speaker = mine ? rank_ : size_;
  MPI_Allreduce(MPI_IN_PLACE, &speaker, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (speaker == size_) return {};
  Problem theirs = mine;
  const bool all = sum(mine ? 1 : 0) == static_cast<uint64_t>(size_);
  int said[2] = {static_cast<int>(mine.text.size()), mine.status};
  MPI_Bcast(said, 2, MPI_INT, speaker, MPI_COMM_WORLD);
  theirs.text.resize(static_cast<size_t>(said[0]));
  theirs.status = said[1];
  MPI_Bcast(theirs.text.data(), said[0], MPI_CHAR, speaker, MPI_COMM_WORLD);
  if (!all) theirs.text = fmt::format("rank {}: {}", speaker, theirs.text);
  return theirs;
}

std::vector<double> World::over_ranks(std::vector<double> times, Average average) const {
  const auto count = static_cast<int>(times.size());
  if (average == Average::kRank0) {
    MPI_Bcast(times.data(), count, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    return times;
  }
  const MPI_Op op = average == Average::kMax ? MPI_MAX : average == Average::kMin ? MPI_MIN : MPI_SUM;
  MPI_Allreduce(MPI_IN_PLACE, times.data(), count, MPI_DOUBLE, op, MPI_COMM_WORLD);
  if (average == Average::kMean) {
    for (double& time : times) time /= size_;
  }
  return times;
}

void World::local(int* rank, int* ranks) const {
  MPI_Comm node = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, rank);
  MPI_Comm_size(node, ranks);
  MPI_Comm_free(&node);
}

Verdict World::combine(const Verdict& mine, bool same_result, uint64_t hash) const {
  uint64_t first = hash;
  MPI_Bcast(&first, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  Verdict all;
  all.wrong = sum(mine.wrong + (same_result && hash != first ? 1 : 0));
  double largest[3] = {mine.max_abs_error, mine.error_bound, mine.worst_ratio};
  MPI_Allreduce(MPI_IN_PLACE, largest, 3, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  all.max_abs_error = largest[0];
  all.error_bound = largest[1];
  all.worst_ratio = largest[2];
  return all;
}

uint64_t World::sum(uint64_t mine) const {
  MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
  return mine;
}

uint64_t World::max(uint64_t mine) const {
  MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
  return mine;
}

std::vector<std::string> World::hosts() const {
  constexpr int kLength = MPI_MAX_PROCESSOR_NAME;
  char mine[kLength] = {};
  int length = 0;
  MPI_Get_processor_name(mine, &length);
  std::vector<char> all(static_cast<size_t>(kLength) * static_cast<size_t>(size_));
  MPI_Allgather(mine, kLength, MPI_CHAR, all.data(), kLength, MPI_CHAR, MPI_COMM_WORLD);
  std::vector<std::string> distinct;
  for (int r = 0; r < size_; ++r) {
    const std::string host = &all[static_cast<size_t>(r) * kLength];
    if (std::find(distinct.begin(), distinct.end(), host) == distinct.end()) distinct.push_back(host);
  }
  return distinct;
}

Meta describe_run(std::string_view tool, const World& world, int argc, char** argv) {
  Meta meta;
  meta.tool = tool;
  meta.command = fmt::format("{}", fmt::join(argv, argv + argc, " "));
  int version = 0;
  collGetVersion(&version);
  meta.library_version = fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  meta.mpi_version = mpi_version();
  char now[32] = {};
  const std::time_t clock = std::time(nullptr);
  std::tm utc = {};
  std::strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&clock, &utc));
  meta.time = now;
  meta.hosts = world.hosts();
  meta.nranks = world.size();
  return meta;
}

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string whole = text;
  return whole.substr(0, whole.find_first_of(",\n"));
}

MPI_Datatype mpi_type(collDataType_t type) {
  switch (type) {
    case collInt8:
      return MPI_INT8_T;
    case collUint8:
      return MPI_UINT8_T;
    case collInt32:
      return MPI_INT32_T;
    case collUint32:
      return MPI_UINT32_T;
    case collInt64:
      return MPI_INT64_T;
    case collUint64:
      return MPI_UINT64_T;
    case collFloat32:
      return MPI_FLOAT;
    case collFloat64:
      return MPI_DOUBLE;
    default:
      return MPI_DATATYPE_NULL;
  }
}

MPI_Op mpi_op(collRedOp_t op) {
  switch (op) {
    case collSum:
      return MPI_SUM;
    case collProd:
      return MPI_PROD;
    case collMax:
      return MPI_MAX;
    case collMin:
      return MPI_MIN;
    default:
      return MPI_OP_NULL;
  }
}

}  // namespace coll::perf
