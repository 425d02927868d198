// codec_perf: how fast codecs encode, decode and reduce on one core, beside memcpy of as many bytes, in the same run.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <utility>

#include "accuracy.hpp"
#include "device_run.hpp"
#include "options.hpp"
#include "perf/tools/files.hpp"
#include "perf/tools/numbers.hpp"
#include "perf/tools/progress.hpp"
#include "rows.hpp"
#include "runtime/hop.hpp"
#include "work.hpp"

namespace coll::perf {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSampleBytes = size_t{4} << 20;  // moved in one sample, at least: clocks are coarse

CodecMeta describe(const CodecOptions& options, int argc, char** argv) {
  CodecMeta meta;
  meta.command = fmt::format("{}", fmt::join(argv, argv + argc, " "));
  char host[256] = {}, now[32] = {};
  if (gethostname(host, sizeof host - 1) == 0) meta.host = host;
  const std::time_t clock = std::time(nullptr);
  std::tm utc = {};
  std::strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&clock, &utc));
  meta.time = now;
  meta.library_version = fmt::format("{}.{}.{}", COLL_MAJOR, COLL_MINOR, COLL_PATCH);
  meta.input = options.inputs.empty() ? "" : options.inputs.front();
  meta.ranks = options.ranks;
  meta.iters = options.iters;
  meta.warmup_iters = options.warmup_iters;
  return meta;
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// Microseconds of one of `calls` calls; one more before them fetches what fits into the caches.
template <class Call>
double time_us(size_t calls, const Call& call) {
  call();
  const auto begin = Clock::now();
  for (size_t i = 0; i < calls; ++i) call();
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / static_cast<double>(calls);
}

class Run {
 public:
  Run(const CodecOptions& options, CodecRows* rows)
      : options_(options), rows_(*rows), progress_(options.progress, samples()) {}

  Problem all() {
    for (const collDataType_t type : options_.types) {
      if (Problem p = all_sizes(type)) return p;
    }
    return {};
  }

 private:
  Problem all_sizes(collDataType_t type) {
    Input input(type, collSum);
    if (!options_.inputs.empty()) {
      if (Problem p = Problem{input.load(options_.inputs[0], options_.ranks), kUsage}) return p;
    }
    std::vector<Subject> subjects;
    for (const std::string& spec : options_.codecs) {
      for (const Isa isa : options_.isas) {
        if (Problem p = make_subject(spec, isa, type, &subjects.emplace_back())) return p;
      }
    }
    const std::vector<size_t> sizes = options_.sizes();
    Work work(input, options_.ranks, sizes.back() / facts(type).bytes, subjects);
    for (const size_t size : sizes) {
      for (Subject& subject : subjects) {
        subject.stream = options_.stores == Stores::kAuto ? size >= kStreamedBytes : options_.stores == Stores::kStream;
        work.take(subject, size / facts(type).bytes);
        for (const Operation operation : operations_of(subject)) add_row(&work, subject, type, size, operation);
      }
    }
    return {};
  }

  void add_row(Work* work, const Subject& subject, collDataType_t type, size_t size, Operation operation) {
    CodecRow row;
    row.size_bytes = size;
    row.count = size / facts(type).bytes;
    row.type = facts(type).name;
    row.codec = subject.spec;
    row.isa = name(subject.isa);
    row.operation = name(operation);
    row.moved_bytes = work->moved_bytes(operation);
    measure(work, operation, &row);
    if (options_.check_iters > 0) row.verdict = work->judge(operation);
    progress_.clear();
    rows_.add(std::move(row));
  }

  void measure(Work* work, Operation operation, CodecRow* row) {
    const size_t calls = std::max<size_t>(kSampleBytes / std::max<size_t>(row->moved_bytes, 1), 1);
    std::vector<double> ours, copies;
    for (int i = -options_.warmup_iters; i < options_.iters; ++i) {
      const double copy = time_us(calls, [&] { work->copy(row->moved_bytes / 2); });
      const double our = time_us(calls, [&] { work->run(operation); });
      progress_.step(fmt::format("{} {} {}", row->codec, row->operation, row->size_bytes));
      if (i < 0) continue;
      copies.push_back(copy);
      ours.push_back(our);
    }
    take_samples(ours, copies, row);
  }

  size_t samples() const {
    constexpr size_t kOperations = 4;  // of most codecs
    const auto each = static_cast<size_t>(options_.iters) + static_cast<size_t>(options_.warmup_iters);
    return each * kOperations * options_.sizes().size() * options_.types.size() * options_.codecs.size() *
           options_.isas.size();
  }

  const CodecOptions& options_;
  CodecRows& rows_;
  Progress progress_;
};

int report(const Problem& problem) {
  std::fputs(fmt::format("codec_perf: {}\n", problem.text).c_str(), stderr);
  return problem.status;
}

int tabulate(const CodecOptions& options) {
  std::string csv;
  uint64_t wrong = 0;
  if (const Problem p = measure_accuracy(options, &csv, &wrong)) return report(p);
  if (options.csv_file.empty()) print(csv);
  if (const Problem p = write_file(options.csv_file, csv)) return report(p);
  return wrong == 0 ? 0 : kCheckFailed;
}

Problem measure(const CodecOptions& options, CodecMeta* meta, CodecRows* rows) {
  if (options.on_device) return measure_on_device(options, meta, rows);
  return Run(options, rows).all();
}

int run(int argc, char** argv) {
  const CodecParsed parsed = parse_codec_options(argc, argv);
  if (!parsed.options) {
    std::fputs(parsed.text.c_str(), parsed.status == 0 ? stdout : stderr);
    return parsed.status;
  }
  const CodecOptions& options = *parsed.options;
  if (const Problem p = try_files({options.json_file, options.csv_file})) return report(p);
  if (options.accuracy) return tabulate(options);
  CodecMeta meta = describe(options, argc, argv);
  CodecRows rows(options, meta);
  if (const Problem p = measure(options, &meta, &rows)) return report(p);
  if (rows.unwritten()) return report(rows.unwritten());
  return rows.all_right() ? 0 : kCheckFailed;
}

}  // namespace
}  // namespace coll::perf

int main(int argc, char** argv) {
  try {
    return coll::perf::run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("codec_perf: not enough memory for these sizes\n", stderr);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "codec_perf: %s\n", failure.what());
  }
  return coll::perf::kCheckFailed;
}
