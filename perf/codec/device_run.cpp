#include "device_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "device_work.hpp"
#include "perf/tools/numbers.hpp"
#include "perf/tools/progress.hpp"
#include "runtime/device_port.hpp"

namespace coll::perf {
namespace {

constexpr size_t kSampleBytes = size_t{256}
                                << 20;  // moved in one sample: events are coarse, launches take microseconds
constexpr size_t kMostCalls = 200;      // ... but no more than these
constexpr size_t kLargestChecked = size_t{64} << 20;

class DeviceRun {
 public:
  DeviceRun(const CodecOptions& options, DeviceOperations* operations, DeviceTimer* timer, size_t span_bytes,
            CodecRows* rows)
      : options_(options),
        operations_(*operations),
        timer_(*timer),
        span_bytes_(span_bytes),
        rows_(*rows),
        progress_(options.progress, 0) {}

  Status all_sizes(const Input& input, const std::vector<Subject>& subjects) {
    for (const size_t size : options_.sizes()) {
      for (const Subject& subject : subjects) {
        DeviceWork work(operations_, input, options_.ranks, span_bytes_);
        COLL_TRY(work.take(subject, size / facts(input.type()).bytes));
        for (const DeviceOperation operation : device_operations_of(subject)) {
          COLL_TRY(add_row(&work, subject, input.type(), size, operation));
        }
      }
    }
    return {};
  }

 private:
  Status add_row(DeviceWork* work, const Subject& subject, collDataType_t type, size_t size,
                 DeviceOperation operation) {
    CodecRow row;
    row.size_bytes = size;
    row.count = size / facts(type).bytes;
    row.type = facts(type).name;
    row.codec = subject.spec;
    row.isa = "cuda";
    row.operation = name(operation);
    row.moved_bytes = work->moved_bytes(operation);
    COLL_TRY(measure(work, operation, &row));
    // Elements of 16 and 8 bits are rounded between separate steps, as the host's hop is not.
    const bool comparable = operation != DeviceOperation::kSeparate || type == accumulator_of(type);
    if (options_.check_iters > 0 && size <= kLargestChecked && comparable) {
      row.verdict.emplace();
      COLL_TRY(work->judge(operation, &row.verdict->wrong));
    }
    progress_.clear();
    rows_.add(std::move(row));
    return {};
  }

  Status measure(DeviceWork* work, DeviceOperation operation, CodecRow* row) {
    const size_t calls = std::clamp<size_t>(kSampleBytes / std::max<size_t>(row->moved_bytes, 1), 1, kMostCalls);
    std::vector<double> ours, copies;
    for (int i = -options_.warmup_iters; i < options_.iters; ++i) {
      double copy = 0, our = 0;
      COLL_TRY(time_us(
          calls, [&] { return work->copy(row->moved_bytes / 2); }, &copy));
      COLL_TRY(time_us(
          calls, [&] { return work->run(operation); }, &our));
      if (i < 0) continue;
      copies.push_back(copy);
      ours.push_back(our);
    }
    take_samples(ours, copies, row);
    return {};
  }

  template <class Call>
  Status time_us(size_t calls, const Call& call, double* us) {
    COLL_TRY(timer_.start(nullptr));
    for (size_t i = 0; i < calls; ++i) COLL_TRY(call());
    COLL_TRY(timer_.stop(nullptr));
    COLL_TRY(timer_.elapsed_us(us));
    *us /= static_cast<double>(calls);
    return {};
  }

  const CodecOptions& options_;
  const DeviceOperations& operations_;
  DeviceTimer& timer_;
  size_t span_bytes_;
  CodecRows& rows_;
  Progress progress_;
};

Problem problem_of(const Status& status) { return status.ok() ? Problem{} : Problem{status.message(), kCheckFailed}; }

}  // namespace

Problem measure_on_device(const CodecOptions& options, CodecMeta* meta, CodecRows* rows) {
  constexpr size_t kSpanOfCaches = 4;
  std::unique_ptr<DeviceOperations> operations;
  std::unique_ptr<DeviceTimer> timer;
  std::vector<DeviceFacts> devices;
  if (Problem p = problem_of(open_devices(&operations))) return p;
  if (Problem p = problem_of(operations->devices(&devices))) return p;
  if (devices.empty()) return {"there is no device", kCheckFailed};
  if (Problem p = problem_of(operations->make_timer(&timer))) return p;
  operations->tune(options.threads, options.blocks_per_sm);
  meta->memory = fmt::format("{}, CUDA {}", devices[0].name, operations->version());
  for (const collDataType_t type : options.types) {
    Input input(type, collSum);
    if (!options.inputs.empty()) {
      if (Problem p = Problem{input.load(options.inputs[0], options.ranks), kUsage}) return p;
    }
    std::vector<Subject> subjects;
    for (const std::string& spec : options.codecs) {
      if (Problem p = make_subject(spec, best_isa(), type, &subjects.emplace_back())) return p;
    }
    DeviceRun run(options, operations.get(), timer.get(), kSpanOfCaches * devices[0].cache_bytes, rows);
    if (Problem p = problem_of(run.all_sizes(input, subjects))) return p;
  }
  return {};
}

}  // namespace coll::perf
