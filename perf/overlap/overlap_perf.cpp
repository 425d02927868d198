// overlap_perf: how much of an allreduce on a stream hides behind a compute loop.
#include <fmt/format.h>

#include <cstdio>

#include "contest.hpp"
#include "options.hpp"
#include "report.hpp"

using namespace coll::perf;

namespace {

void print(const World& world, const std::string& text, std::FILE* file = stdout) {
  if (!world.is_root()) return;
  std::fputs(text.c_str(), file);
  std::fflush(file);
}

// The rows so far are kept where something goes wrong.
Problem measure(const OverlapOptions& options, const World& world, const Meta& meta, std::vector<OverlapRow>* rows) {
  const Problem unwritable = world.is_root() ? try_files({options.json_file, options.csv_file}) : Problem{};
  if (Problem p = world.agree(unwritable)) return p;
  Lanes lanes;
  if (Problem p = world.agree(lanes.open(options.timeout_ms))) return p;
  Contest contest(options, world, lanes);
  print(world, overlap_head(meta, options));
  for (const size_t size : options.sizes()) {
    const size_t before = rows->size();
    if (Problem p = contest.run(size / sizeof(float), rows)) return p;
    for (size_t i = before; i < rows->size(); ++i) print(world, overlap_line((*rows)[i]));
  }
  return {};
}

Problem write(const OverlapOptions& options, const Meta& meta, const std::vector<OverlapRow>& rows) {
  if (Problem p = write_file(options.json_file, overlap_json(meta, options, rows))) return p;
  return write_file(options.csv_file, overlap_csv(rows));
}

bool any_wrong(const std::vector<OverlapRow>& rows) {
  for (const OverlapRow& row : rows) {
    if (row.wrong.value_or(0) > 0) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const OverlapParsed parsed = parse_overlap_options(argc, argv);
  const bool multiple = parsed.options && parsed.options->thread_multiple;
  const World world(&argc, &argv, multiple ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE);
  if (!parsed.options) {
    print(world, parsed.text, parsed.status == 0 ? stdout : stderr);
    return parsed.status;
  }
  Meta meta = describe_run("overlap_perf", world, argc, argv);
  meta.iters = parsed.options->iters;
  meta.warmup_iters = parsed.options->warmup_iters;
  std::vector<OverlapRow> rows;
  Problem problem = measure(*parsed.options, world, meta, &rows);
  if (!problem) problem = world.agree(world.is_root() ? write(*parsed.options, meta, rows) : Problem{});
  if (problem) {
    print(world, fmt::format("overlap_perf: {}\n", problem.text), stderr);
    return problem.status;
  }
  return any_wrong(rows) ? kCheckFailed : 0;
}
