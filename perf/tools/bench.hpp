// Measures and checks one collective for one type, operator and size: every codec and the baseline, call by call in
// turn.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "buffer.hpp"
#include "collective.hpp"
#include "device.hpp"
#include "input.hpp"
#include "progress.hpp"
#include "reference.hpp"
#include "world.hpp"

namespace coll::perf {

// What all measurements of a run share.
struct Setting {
  const Collective& collective;
  const Options& options;
  const World& world;
  collComm_t comm;
  collStream_t stream;   // NULL: blocking calls
  const Device* device;  // whose memory the buffers are; NULL: the host's
};

class Bench {
 public:
  // Makes this rank's input; `max_count` is the largest count to come. Throws std::bad_alloc; made() tells the rest.
  Bench(const Setting& setting, const Input& input, collRedOp_t op, size_t max_count);

  const Problem& made() const { return made_; }

  // The rows of one count, out of place or in place, one for each codec; or what went wrong.
  Problem run(size_t count, bool in_place, Progress* progress, std::vector<Row>* rows);

 private:
  // One codec, or the baseline, at one count.
  struct Contestant;

  Problem prepare(const std::string& spec, size_t count, Contestant* contestant) const;
  Problem verify(Contestant* contestant) const;
  Problem measure(std::vector<Contestant>* contestants, Progress* progress) const;
  Problem restore_input(const Contestant& contestant) const;
  Problem poison_result(size_t bytes) const;
  Problem fetch_result(size_t bytes) const;
  std::byte* send_base() const { return device_send_ ? device_send_->data() : send_.data(); }
  std::byte* recv_base() const { return device_recv_ ? device_recv_->data() : recv_.data(); }
  Problem timed_call(Contestant* contestant, double* us) const;
  Problem call(Contestant* contestant) const;
  Verdict judge(const Contestant& contestant) const;
  Row row_of(const Contestant& contestant, const std::vector<Contestant>& all) const;
  std::vector<Segment> segments_of(const Contestant& contestant, const std::byte* result) const;
  bool gives_all_the_same() const;
  bool has_no_result() const;  // the root alone has one, and calls in place
  bool has_baseline(size_t count) const;
  size_t bytes_of(size_t count, bool scaled) const;

  const Setting& setting_;
  const Input& input_;
  collRedOp_t op_;
  Buffer send_, recv_;  // the input, which stays; and the result, which in place holds a copy of the input first
  std::unique_ptr<DeviceMemory> device_send_, device_recv_;  // where calls have them on a device
  Problem made_;                                             // what went wrong with those
};

// The library's last failure in its words; `what` was being done where it has none.
Problem library_problem(collResult_t result, collComm_t comm, const std::string& what);

}  // namespace coll::perf
