#include <fmt/format.h>

#include <algorithm>

#include "../tools/numbers.hpp"
#include "../tools/result.hpp"
#include "report.hpp"

namespace coll::plan_tool {

namespace {

using perf::size_text;
using perf::time_text;

using Row = std::vector<std::string>;

// Characters, not bytes: "µs" has two.
size_t width_of(const std::string& cell) {
  return static_cast<size_t>(std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// Columns to the right, as wide as they need to be.
std::string aligned(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string all;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      all += std::string(widths[i] - width_of(row[i]) + (i == 0 ? 0 : 2), ' ') + row[i];
    }
    all.resize(all.find_last_not_of(' ') + 1);
    all += "\n";
  }
  return all;
}

// Algorithms that serve any of the sizes with the codec.
std::vector<std::string_view> columns_of(const Report& report, size_t codec) {
  std::vector<std::string_view> names;
  for (const Algorithm* algorithm : report.question.algorithms) {
    const auto has = [&](const Line& line) {
      const auto& options = line.entries[codec].options;
      return std::any_of(options.begin(), options.end(),
                         [&](const Option& option) { return option.algorithm == algorithm->name; });
    };
    if (std::any_of(report.lines.begin(), report.lines.end(), has)) names.push_back(algorithm->name);
  }
  return names;
}

// The times of all algorithms with one codec; the one that is taken has a star.
std::string table_of(const Report& report, size_t codec) {
  const std::vector<std::string_view> columns = columns_of(report, codec);
  std::vector<Row> rows = {{"size"}};
  for (const std::string_view name : columns) rows.front().push_back(std::string(name) + " ");
  for (const Line& line : report.lines) {
    Row& row = rows.emplace_back(Row{size_text(static_cast<double>(line.size_bytes))});
    const Entry& entry = line.entries[codec];
    for (const std::string_view name : columns) {
      const auto option = std::find_if(entry.options.begin(), entry.options.end(),
                                       [name](const Option& one) { return one.algorithm == name; });
      if (option == entry.options.end()) {
        row.emplace_back("- ");
      } else {
        const bool taken = option - entry.options.begin() == entry.taken;
        row.push_back(time_text(option->cost.us) + (taken ? "*" : " "));
      }
    }
  }
  return fmt::format("\ncodec {}\n{}", report.question.codecs[codec]->spec(), aligned(rows));
}

// What is taken with each codec; the fastest of a size has a star.
std::string choices(const Report& report) {
  std::vector<Row> rows = {{"size"}};
  for (const auto& codec : report.question.codecs) rows.front().push_back(codec->spec() + " ");
  for (const Line& line : report.lines) {
    Row& row = rows.emplace_back(Row{size_text(static_cast<double>(line.size_bytes))});
    for (size_t i = 0; i < line.entries.size(); ++i) {
      const Entry& entry = line.entries[i];
      if (entry.taken < 0) {
        row.emplace_back("- ");
        continue;
      }
      const bool other = report.question.codecs[i]->traits().chooses;
      row.push_back(fmt::format("{}{} {}{}", other ? entry.codec + " " : "", entry.choice().algorithm,
                                time_text(entry.choice().cost.us), static_cast<int>(i) == line.fastest ? "*" : " "));
    }
  }
  return "\nwhat is taken\n" + aligned(rows);
}

std::string reasons(const Report& report) {
  std::string all = "\nwhat the fastest takes its time for\n";
  for (const Line& line : report.lines) {
    const Entry& entry = line.entries[static_cast<size_t>(line.fastest)];
    all += fmt::format("{}, {}, {}: {}\n", size_text(static_cast<double>(line.size_bytes)), entry.codec,
                       entry.choice().algorithm, explain(entry.choice().cost));
  }
  return all;
}

}  // namespace

std::string words_of(const Question& question) {
  std::string words = fmt::format("{} of {}", func_names()[question.func], perf::facts(question.type).name);
  if (reduces(question.func)) words += fmt::format(", {}", perf::all_ops()[question.op]);
  if (has_root(question.func)) words += fmt::format(", root {}", question.root);
  return words + (question.deterministic ? ", deterministic" : "");
}

std::string as_text(const Report& report) {
  std::string all = report.cluster.words + words_of(report.question) + "; predicted times\n";
  for (size_t codec = 0; codec < report.question.codecs.size(); ++codec) {
    if (!report.question.codecs[codec]->traits().chooses) all += table_of(report, codec);
  }
  if (report.question.codecs.size() > 1) all += choices(report);
  return all + reasons(report);
}

}  // namespace coll::plan_tool
