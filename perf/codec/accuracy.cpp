#include "accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "perf/tools/numbers.hpp"
#include "work.hpp"

namespace coll::perf {
namespace {

constexpr std::string_view kHeader =
    "data,type,ranks,count,codec,bytes,ratio,max_error,rms_error,max_error_over_bound,sum_max_error,sum_rms_error,"
    "sum_max_error_over_bound\n";

// Elements of the shortest of the ranks' files.
Problem shortest(const std::string& pattern, int ranks, size_t element_bytes, size_t* count) {
  *count = SIZE_MAX;
  for (int rank = 0; rank < ranks; ++rank) {
    const std::string path = file_of_rank(pattern, rank);
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const std::streamoff bytes = file ? static_cast<std::streamoff>(file.tellg()) : -1;
    if (bytes < 0) return {fmt::format("cannot read {}", path), kUsage};
    *count = std::min(*count, static_cast<size_t>(bytes) / element_bytes);
  }
  return {};
}

void merge(const Errors& more, Errors* all) {
  all->wrong += more.wrong;
  all->count += more.count;
  all->squares += more.squares;
  all->max_abs_error = std::max(all->max_abs_error, more.max_abs_error);
  all->worst_ratio = std::max(all->worst_ratio, more.worst_ratio);
}

std::string columns(const Errors& errors) {
  const double rms = errors.count == 0 ? 0 : std::sqrt(errors.squares / static_cast<double>(errors.count));
  return fmt::format("{:.6g},{:.6g},{:.6g}", errors.max_abs_error, rms, errors.worst_ratio);
}

// One data set and type, every codec.
Problem add_rows(const CodecOptions& options, const std::string& pattern, collDataType_t type, std::string* csv,
                 uint64_t* wrong) {
  size_t count = 0;
  Input input(type, collSum);
  if (Problem p = Problem{input.load(pattern, options.ranks), kUsage}) return p;
  if (Problem p = shortest(pattern, options.ranks, facts(type).bytes, &count)) return p;
  std::vector<Subject> subjects(options.codecs.size());
  for (size_t i = 0; i < subjects.size(); ++i) {
    if (Problem p = make_subject(options.codecs[i], options.isas[0], type, &subjects[i])) return p;
  }
  Work work(input, options.ranks, count, subjects);
  for (const Subject& subject : subjects) {
    work.take(subject, count);
    const bool exact = subject.codec == nullptr;
    Errors once;
    for (size_t rank = 0; !exact && rank < static_cast<size_t>(options.ranks); ++rank) {
      merge(work.judge_message(rank), &once);
    }
    const Errors sum = work.judge(exact ? Operation::kReduce : Operation::kFused);
    *wrong += once.wrong + sum.wrong;
    const size_t elements = count * facts(type).bytes;
    *csv += fmt::format("{},{},{},{},{},{},{:.6g},{},{}\n", csv_text(pattern.substr(pattern.rfind('/') + 1)),
                        facts(type).name, options.ranks, count, csv_text(subject.spec), work.message_bytes(),
                        static_cast<double>(elements) / static_cast<double>(work.message_bytes()), columns(once),
                        columns(sum));
  }
  return {};
}

}  // namespace

Problem measure_accuracy(const CodecOptions& options, std::string* csv, uint64_t* wrong) {
  *csv = kHeader;
  *wrong = 0;
  for (const std::string& pattern : options.inputs) {
    for (const collDataType_t type : options.types) {
      if (Problem p = add_rows(options, pattern, type, csv, wrong)) return p;
    }
  }
  return {};
}

}  // namespace coll::perf
