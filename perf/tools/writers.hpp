// The results as text for people, as JSON and as CSV.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "result.hpp"

namespace coll::perf {

struct Column {
  std::string_view name, unit;
  int width;
  bool left = false;
};

// A line of a table; `first` is its first character, '#' where it is no row.
std::string lay_out(std::span<const Column> columns, char first, const std::vector<std::string>& cells);
// The lines with the columns' names and units.
std::string lay_out_head(std::span<const Column> columns);

// The lines before the rows: what ran where, then the columns' names and units.
std::string table_head(const Meta& meta);
std::string table_line(const Row& row);
// The lines after them: checks and the average bus bandwidth.
std::string table_foot(std::span<const Row> rows);

std::string to_json(const Meta& meta, std::span<const Row> rows);
std::string to_csv(std::span<const Row> rows);

}  // namespace coll::perf
