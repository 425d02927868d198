// Measures one size: every codec with and without the progress thread, and MPI_Iallreduce, call by call in turn.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "options.hpp"
#include "perf/tools/buffer.hpp"
#include "perf/tools/files.hpp"
#include "perf/tools/world.hpp"

namespace coll::perf {

// What moves the collective on while the program computes.
enum class Way { kThread, kNoThread, kMpi };
inline constexpr std::string_view kWayNames[] = {"thread", "no thread", "MPI_Iallreduce"};

struct OverlapRow {
  size_t size_bytes = 0, count = 0;
  std::string codec;
  Way way = Way::kThread;
  double comm_us = 0, compute_us = 0, both_us = 0;  // medians
  std::optional<uint64_t> wrong;                    // elements, of all ranks

  // Of the communication, or of the computation where that is shorter.
  double hidden() const;
};

// A communicator with the progress thread and one without, each with a stream.
class Lanes {
 public:
  Lanes() = default;
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;
  Problem open(int timeout_ms);

  collComm_t comm(Way way) const { return comms_[static_cast<size_t>(way)]; }
  collStream_t stream(Way way) const { return streams_[static_cast<size_t>(way)]; }

 private:
  collComm_t comms_[2] = {};
  collStream_t streams_[2] = {};
};

class Contest {
 public:
  Contest(const OverlapOptions& options, const World& world, const Lanes& lanes);
  ~Contest();

  // The rows of one count, or what went wrong.
  Problem run(size_t count, std::vector<OverlapRow>* rows);

 private:
  struct Contestant;

  Problem enter(size_t count, std::vector<Contestant>* all) const;
  Problem calibrate(Contestant* contestant);
  Problem measure(std::vector<Contestant>* all);
  double timed(Contestant* contestant, bool communicates, bool computes);
  Problem start(Contestant* contestant);
  Problem finish(Contestant* contestant);
  void check(Contestant* contestant, const std::vector<Contestant>& all);

  const OverlapOptions& options_;
  const World& world_;
  const Lanes& lanes_;
  Buffer send_, recv_, other_;  // other_: what the call before left, where two are to agree
  MPI_Request request_ = MPI_REQUEST_NULL;
  Problem problem_;  // after one, only the barriers go on, so that no rank is left waiting
  volatile double sink_ = 0;
};

}  // namespace coll::perf
