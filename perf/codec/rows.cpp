#include "rows.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace coll::perf {

void CodecRows::add(CodecRow row) {
  if (rows_.empty()) std::fputs(codec_head(meta_).c_str(), stdout);  // not before: what cannot start has no table
  std::fputs(codec_line(rows_.emplace_back(std::move(row))).c_str(), stdout);
  std::fflush(stdout);
  unwritten_ = write();
}

bool CodecRows::all_right() const {
  return std::none_of(rows_.begin(), rows_.end(),
                      [](const CodecRow& row) { return row.verdict && row.verdict->wrong > 0; });
}

Problem CodecRows::write() const {
  if (!options_.json_file.empty()) {
    if (Problem p = write_file(options_.json_file, codec_json(meta_, rows_))) return p;
  }
  return options_.csv_file.empty() ? Problem{} : write_file(options_.csv_file, codec_csv(rows_));
}

}  // namespace coll::perf
