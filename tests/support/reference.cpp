#include "tests/support/reference.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "tests/support/elements.hpp"

namespace coll::test {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double combine(RedOp op, double a, double b) {
  const bool either_nan = std::isnan(a) || std::isnan(b);
  switch (op) {
    case collProd:
      return a * b;
    case collMax:
      if (either_nan) return a + b;
      return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
    case collMin:
      if (either_nan) return a + b;
      return a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
    default:
      return a + b;
  }
}

// The bits of an integer type's sums and products are those of 64-bit ones, cut off.
int64_t combine(DataType type, RedOp op, int64_t a, int64_t b) {
  const bool less = type == collUint64 ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
  switch (op) {
    case collProd:
      return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    case collMax:
      return less ? b : a;
    case collMin:
      return less ? a : b;
    default:
      return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
}

int64_t divide(DataType type, int64_t sum, size_t n) {
  if (type == collUint64) return static_cast<int64_t>(static_cast<uint64_t>(sum) / n);
  return sum / static_cast<int64_t>(n);
}

bool selects(RedOp op) { return op == collMax || op == collMin; }

std::string show(double x) {
  char digits[40];
  std::snprintf(digits, sizeof(digits), "%.9g", x);
  return digits;
}

}  // namespace

std::vector<double> window_max(const std::vector<double>& in, size_t reach) {
  const size_t n = in.size();
  std::vector<double> out(n);
  std::vector<size_t> falling;  // places of candidates, largest first
  size_t head = 0;
  size_t entered = 0;
  for (size_t i = 0; i < n; ++i) {
    for (; entered < std::min(n, i + reach); ++entered) {
      while (falling.size() > head && in[falling.back()] <= in[entered]) falling.pop_back();
      falling.push_back(entered);
    }
    while (falling[head] + reach <= i) ++head;
    out[i] = in[falling[head]];
  }
  return out;
}

Expected::Expected(const Question& question, std::span<const std::byte* const> inputs, size_t count)
    : question_(question) {
  if (question.codec == nullptr && (inputs.size() == 1 || !question.reduces)) {
    move(inputs[0], count);
  } else if (!info(question.type).is_float) {
    reduce_integers(inputs, count);
  } else {
    reduce_floats(inputs, count);
    if (question.codec != nullptr && question.reduces && question.result_coded) encode_again();
    round(inputs.size());
  }
}

void Expected::move(const std::byte* input, size_t count) {
  exact_.assign(input, input + count * size_of(question_.type));
}

void Expected::reduce_integers(std::span<const std::byte* const> inputs, size_t count) {
  const DataType type = question_.type;
  std::vector<int64_t> all = to_integers(type, inputs[0], count);
  for (size_t r = 1; r < inputs.size(); ++r) {
    const std::vector<int64_t> x = to_integers(type, inputs[r], count);
    for (size_t i = 0; i < count; ++i) all[i] = combine(type, question_.op, all[i], x[i]);
  }
  exact_ = from_integers(type, all);
  if (question_.op != collAvg) return;
  all = to_integers(type, exact_.data(), count);  // the average of the wrapped sum
  for (int64_t& each : all) each = divide(type, each, inputs.size());
  exact_ = from_integers(type, all);
}

std::vector<double> Expected::encoding_errors(const std::vector<double>& magnitudes) const {
  const std::vector<double> largest = window_max(magnitudes, question_.codec->traits().block);
  std::vector<double> errors(magnitudes.size());
  for (size_t i = 0; i < errors.size(); ++i) {
    errors[i] = std::isfinite(largest[i]) ? question_.codec->error_bound(magnitudes[i], largest[i]) : kInfinity;
    if (question_.type == collFloat64) errors[i] += magnitudes[i] * 0x1p-24;  // codecs take float32
  }
  return errors;
}

void Expected::reduce_floats(std::span<const std::byte* const> inputs, size_t count) {
  value_.assign(count, 0);
  magnitude_.assign(count, question_.op == collProd ? 1 : 0);
  error_.assign(count, 0);
  zero_.assign(count, true);
  for (size_t r = 0; r < inputs.size(); ++r) {
    const std::vector<double> x = to_doubles(question_.type, inputs[r], count);
    std::vector<double> size(count);
    for (size_t i = 0; i < count; ++i) size[i] = std::isfinite(x[i]) ? std::fabs(x[i]) : kInfinity;
    const std::vector<double> e = question_.codec != nullptr ? encoding_errors(size) : std::vector<double>(count, 0);
    for (size_t i = 0; i < count; ++i) {
      value_[i] = r == 0 ? x[i] : combine(question_.op, value_[i], x[i]);
      magnitude_[i] = combine(question_.op == collProd ? collProd : collSum, magnitude_[i], size[i]);
      error_[i] = selects(question_.op) ? std::max(error_[i], e[i]) : error_[i] + e[i];
      zero_[i] = zero_[i] && x[i] == 0;
    }
  }
  if (question_.op != collAvg || !question_.reduces) return;
  const auto n = static_cast<double>(inputs.size());
  for (auto* values : {&value_, &magnitude_, &error_}) {
    for (double& each : *values) each /= n;
  }
}

void Expected::encode_again() {
  std::vector<double> size(value_.size());
  for (size_t i = 0; i < size.size(); ++i) {
    size[i] = std::isfinite(value_[i]) ? std::fabs(value_[i]) + error_[i] + magnitude_[i] * 0x1p-18 : kInfinity;
  }
  const std::vector<double> e = encoding_errors(size);
  for (size_t i = 0; i < e.size(); ++i) error_[i] += e[i];
}

void Expected::round(size_t contributions) {
  const FloatFacts& facts = float_facts(question_.type);
  const bool sums = question_.reduces && contributions > 1 && !selects(question_.op);
  // The reference errs too, where the accumulator is a float64.
  const double roundoff = question_.type == collFloat64 ? 0x1p-52 : 0x1p-24;
  const bool rounded_once = question_.codec != nullptr || sums;
  for (size_t i = 0; i < value_.size(); ++i) {
    double& error = error_[i];
    if (sums) error += static_cast<double>(contributions + 1) * roundoff * (magnitude_[i] + error);
    if (rounded_once) error += facts.roundoff * (std::fabs(value_[i]) + error) + facts.smallest / 2;
    if (std::isfinite(value_[i]) && std::fabs(value_[i]) + error > facts.largest) error = kInfinity;
  }
}

size_t Expected::bounded() const {
  return static_cast<size_t>(std::count_if(error_.begin(), error_.end(), [](double e) { return std::isfinite(e); }));
}

std::string Expected::wrong_at(size_t i, double got) const {
  const double value = value_[i];
  const auto complain = [&](const std::string& due) {
    return text("element ", i, " is ", show(got), ", due is ", due);
  };
  const bool exact = question_.codec == nullptr;
  if (!std::isfinite(value)) {
    // Which kind of no-number, only exact plans tell; and e4m3 has no infinity.
    const bool as_nan = std::isnan(value) || !float_facts(question_.type).has_infinity;
    const bool same = as_nan ? std::isnan(got) : got == value;
    return (exact ? same : !std::isfinite(got)) ? "" : complain(show(value));
  }
  if (std::isinf(error_[i]) || std::isnan(error_[i])) return "";
  if (!(std::fabs(got - value) <= error_[i])) return complain(text(show(value), " within ", show(error_[i])));
  const bool signed_zero = exact && value == 0 && (zero_[i] || selects(question_.op));
  if (signed_zero && std::signbit(got) != std::signbit(value)) return complain("a zero of the other sign");
  return "";
}

std::string Expected::mismatch(const std::byte* got, size_t begin, size_t count) const {
  const size_t size = size_of(question_.type);
  if (count == 0) return "";
  if (!exact_.empty()) {
    const auto wrong =
        std::mismatch(got, got + count * size, exact_.begin() + static_cast<std::ptrdiff_t>(begin * size));
    if (wrong.first == got + count * size) return "";
    return text("element ", begin + static_cast<size_t>(wrong.first - got) / size, " has other bits than it must");
  }
  const std::vector<double> numbers = to_doubles(question_.type, got, count);
  for (size_t i = 0; i < count; ++i) {
    std::string wrong = wrong_at(begin + i, numbers[i]);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace coll::test
