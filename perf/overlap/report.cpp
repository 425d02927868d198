#include "report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "perf/tools/writers.hpp"

namespace coll::perf {
namespace {

constexpr Column kColumns[] = {
    {"size", "(B)", 10},           {"count", "(elements)", 10}, {"codec", "", 9, true},
    {"moved on by", "", 14, true}, {"comm", "(us)", 8},         {"compute", "(us)", 8},
    {"both", "(us)", 8},           {"hidden", "(%)", 7},        {"#wrong", "", 6},
};

std::string_view name(Way way) { return kWayNames[static_cast<size_t>(way)]; }

const char* level(const OverlapOptions& options) { return options.thread_multiple ? "multiple" : "single"; }

}  // namespace

std::string overlap_head(const Meta& meta, const OverlapOptions& options) {
  std::string text =
      fmt::format("# {}: {} ranks on {} node{} ({}), libcoll {}, {} at MPI_THREAD_{}\n", meta.tool, meta.nranks,
                  meta.hosts.size(), meta.hosts.size() == 1 ? "" : "s", fmt::join(meta.hosts, " "),
                  meta.library_version, meta.mpi_version, options.thread_multiple ? "MULTIPLE" : "SINGLE");
  text += fmt::format("# medians of {} calls after {} to warm up; a call's time is the slowest rank's\n", meta.iters,
                      meta.warmup_iters);
  text += "# comm: the allreduce alone; compute: the loop alone; both: enqueue, loop, wait;\n";
  text += "# hidden: (comm + compute - both) over the shorter of comm and compute\n#\n";
  return text + lay_out_head(kColumns);
}

std::string overlap_line(const OverlapRow& row) {
  return lay_out(kColumns, ' ',
                 {std::to_string(row.size_bytes), std::to_string(row.count), row.codec, std::string(name(row.way)),
                  number_text(row.comm_us), number_text(row.compute_us), number_text(row.both_us),
                  fmt::format("{:.0f}", 100 * row.hidden()), row.wrong ? std::to_string(*row.wrong) : "N/A"});
}

std::string overlap_json(const Meta& meta, const OverlapOptions& options, std::span<const OverlapRow> rows) {
  nlohmann::ordered_json json;
  json["meta"] = {{"tool", meta.tool},
                  {"command", meta.command},
                  {"time", meta.time},
                  {"library_version", meta.library_version},
                  {"mpi_version", meta.mpi_version},
                  {"mpi_threads", level(options)},
                  {"nranks", meta.nranks},
                  {"hosts", meta.hosts},
                  {"iters", meta.iters},
                  {"warmup_iters", meta.warmup_iters},
                  {"work", options.work}};
  json["rows"] = nlohmann::ordered_json::array();
  for (const OverlapRow& row : rows) {
    nlohmann::ordered_json one = {
        {"size_bytes", row.size_bytes}, {"count", row.count},     {"codec", row.codec},
        {"moved_on_by", name(row.way)}, {"comm_us", row.comm_us}, {"compute_us", row.compute_us},
        {"both_us", row.both_us},       {"hidden", row.hidden()}, {"wrong", nullptr}};
    if (row.wrong) one["wrong"] = *row.wrong;
    json["rows"].push_back(std::move(one));
  }
  return json.dump(1) + "\n";
}

std::string overlap_csv(std::span<const OverlapRow> rows) {
  std::string text = "size_bytes,count,codec,moved_on_by,comm_us,compute_us,both_us,hidden,wrong\n";
  for (const OverlapRow& row : rows) {
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", row.size_bytes, row.count, csv_text(row.codec), name(row.way),
                        row.comm_us, row.compute_us, row.both_us, row.hidden(),
                        row.wrong ? std::to_string(*row.wrong) : "");
  }
  return text;
}

}  // namespace coll::perf
