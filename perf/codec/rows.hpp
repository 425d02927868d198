// The rows of a run of codec_perf, printed and written as they are measured: a run that is ended early leaves its
// files.
#pragma once

#include <vector>

#include "options.hpp"
#include "perf/tools/files.hpp"
#include "report.hpp"

namespace coll::perf {

class CodecRows {
 public:
  // `meta` may still be filled in until the first row.
  CodecRows(const CodecOptions& options, const CodecMeta& meta) : options_(options), meta_(meta) {}

  // Prints the row, below the table's head if it is the first, and writes the files anew.
  void add(CodecRow row);
  // Why the files of the last row could not be written, if so.
  const Problem& unwritten() const { return unwritten_; }
  bool all_right() const;  // no result of a kernel is wrong

 private:
  Problem write() const;

  const CodecOptions& options_;
  const CodecMeta& meta_;
  std::vector<CodecRow> rows_;
  Problem unwritten_;
};

}  // namespace coll::perf
