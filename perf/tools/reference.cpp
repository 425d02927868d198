#include "reference.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "numbers.hpp"

namespace coll::perf {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr size_t kChunk = size_t{1} << 14;

double combine(collRedOp_t op, double a, double b) {
  switch (op) {
    case collProd:
      return a * b;
    case collMax:
      return std::isnan(a) || a > b ? a : b;
    case collMin:
      return std::isnan(a) || a < b ? a : b;
    default:
      return a + b;
  }
}

uint64_t combine_words(collDataType_t type, collRedOp_t op, uint64_t a, uint64_t b) {
  const bool less = is_signed(type) ? static_cast<int64_t>(a) < static_cast<int64_t>(b) : a < b;
  switch (op) {
    case collProd:
      return wrap(type, a * b);
    case collMax:
      return less ? b : a;
    case collMin:
      return less ? a : b;
    default:
      return wrap(type, a + b);
  }
}

// What may become of `error`, an error of `a`, and `more`, one of `b`, when a and b are combined.
double combine_errors(collRedOp_t op, double a, double error, double b, double more) {
  switch (op) {
    case collProd:
      return (std::fabs(a) + error) * (std::fabs(b) + more) - std::fabs(a * b);
    case collMax:
    case collMin:
      return std::max(error, more);
    default:
      return error + more;
  }
}

void note(double error, double bound, Verdict* verdict) {
  verdict->wrong += error <= bound ? 0 : 1;
  if (std::isfinite(bound)) {
    verdict->max_abs_error = std::max(verdict->max_abs_error, error);
    verdict->error_bound = std::max(verdict->error_bound, bound);
    const double ratio = error == 0 ? 0 : error / bound;
    verdict->worst_ratio = std::max(verdict->worst_ratio, ratio);
  }
}

}  // namespace

struct Reference::Window {
  Window(size_t first, size_t size)
      : begin(first), count(size), value(size), magnitude(size), error(size), x(size), scratch(size) {}
  size_t begin, count;            // elements of the inputs
  std::vector<double> value;      // the contributions combined
  std::vector<double> magnitude;  // sum of |x|
  std::vector<double> error;      // what encoding may have added; infinite where a block holds no number
  std::vector<double> x, scratch;
};

void Reference::accumulate(const std::vector<int>& ranks, Window* w) const {
  std::vector<std::byte> bytes(w->count * facts(input_.type()).bytes);
  const bool lossy = !loss_.exact() && loss_.kind != collBoundAbsolute;
  for (size_t r = 0; r < ranks.size(); ++r) {
    input_.fill(ranks[r], w->begin, w->count, bytes.data());
    to_doubles(input_.type(), bytes.data(), w->x);
    std::vector<double>& size = w->scratch;
    for (size_t i = 0; i < w->count; ++i) size[i] = std::isfinite(w->x[i]) ? std::fabs(w->x[i]) : kInfinity;
    std::vector<double> largest = size;
    if (lossy && loss_.kind == collBoundBlockMax) window_max(size, loss_.block, largest);
    for (size_t i = 0; i < w->count; ++i) {
      const double error = lossy ? loss_.error(largest[i]) : 0;
      const bool first = r == 0;
      w->error[i] = first ? error : combine_errors(op_, w->value[i], w->error[i], w->x[i], error);
      w->value[i] = first ? w->x[i] : combine(op_, w->value[i], w->x[i]);
      w->magnitude[i] = first ? size[i] : combine(op_ == collProd ? collProd : collSum, w->magnitude[i], size[i]);
    }
  }
  if (op_ != collAvg || ranks.size() == 1) return;
  const auto n = static_cast<double>(ranks.size());
  for (auto* values : {&w->value, &w->magnitude, &w->error}) {
    for (double& value : *values) value /= n;
  }
}

void Reference::encode_again(Window* w) const {
  for (size_t i = 0; i < w->count; ++i) w->scratch[i] = std::fabs(w->value[i]) + w->error[i];
  std::vector<double> largest = w->scratch;
  if (loss_.kind == collBoundBlockMax) window_max(w->scratch, loss_.block, largest);
  for (size_t i = 0; i < w->count; ++i) w->error[i] += loss_.error(largest[i]);
}

double Reference::bound(const Window& w, size_t at, size_t contributions) const {
  const TypeFacts& type = facts(input_.type());
  const bool selects = op_ == collMax || op_ == collMin;
  const double error = w.error[at];
  double rounding = 0;
  if (contributions > 1 && !selects) {
    const double terms = static_cast<double>(contributions) + 1;  // one more for the division of an average
    // What a codec decodes is float32, also where the type is finer.
    const double roundoff = loss_.exact() ? type.sum_roundoff : std::max(type.sum_roundoff, 0x1p-24);
    rounding += terms * roundoff * (w.magnitude[at] + error) + type.smallest / 2;
    if (type.roundoff > type.sum_roundoff) rounding += type.roundoff * (std::fabs(w.value[at]) + error + rounding);
    if (type.roundoff == 0x1p-53) rounding *= 2;  // the reference itself is summed in float64
  } else if (error > 0) {
    rounding += type.roundoff * (std::fabs(w.value[at]) + error) + type.smallest / 2;
  }
  const double total = error + rounding;
  // Past the type's range a sum may overflow on the way.
  return std::fabs(w.value[at]) + total > type.largest && contributions > 1 && !selects ? kInfinity : total;
}

void Reference::check_floats(const Segment& segment, size_t begin, size_t count, Verdict* verdict) const {
  const TypeFacts& type = facts(input_.type());
  const bool blocks = !loss_.exact() && loss_.kind == collBoundBlockMax;
  const size_t margin = blocks ? (loss_.block - 1) * static_cast<size_t>(std::max(loss_.encodings, 1)) : 0;
  const size_t first = segment.input_begin + begin;
  const size_t low = first - std::min(first, margin);
  const size_t high = std::min(segment.input_count, first + count + margin);
  Window w(low, high - low);
  accumulate(segment.ranks, &w);
  if (loss_.kind == collBoundAbsolute) std::fill(w.error.begin(), w.error.end(), loss_.value);  // of the result
  for (int again = 1; !loss_.exact() && again < loss_.encodings; ++again) encode_again(&w);

  std::vector<double> got(count);
  to_doubles(type.type, segment.got + begin * type.bytes, got);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = first - low + i;
    if (!std::isfinite(w.value[at])) {
      // What is no number must stay visible; which kind, only an exact codec can tell.
      const bool same = std::isnan(got[i]) == std::isnan(w.value[at]) && (std::isnan(got[i]) || got[i] == w.value[at]);
      const bool seen = loss_.exact() ? same : !std::isfinite(got[i]);
      verdict->wrong += seen ? 0 : 1;
      continue;
    }
    const double limit = bound(w, at, segment.ranks.size());
    const double error = std::isfinite(got[i]) ? std::fabs(got[i] - w.value[at]) : kInfinity;
    if (!(std::isinf(limit) || std::isnan(limit))) note(error, limit, verdict);
  }
}

void Reference::check_integers(const Segment& segment, size_t begin, size_t count, Verdict* verdict) const {
  const TypeFacts& type = facts(input_.type());
  std::vector<std::byte> bytes(count * type.bytes);
  std::vector<uint64_t> expected(count), x(count), got(count);
  for (size_t r = 0; r < segment.ranks.size(); ++r) {
    input_.fill(segment.ranks[r], segment.input_begin + begin, count, bytes.data());
    to_words(type.type, bytes.data(), r == 0 ? expected : x);
    for (size_t i = 0; r > 0 && i < count; ++i) expected[i] = combine_words(type.type, op_, expected[i], x[i]);
  }
  to_words(type.type, segment.got + begin * type.bytes, got);
  const auto n = segment.ranks.size();
  for (size_t i = 0; i < count; ++i) {
    if (op_ == collAvg && n > 1) {  // of the wrapped sum, towards zero
      expected[i] = is_signed(type.type)
                        ? static_cast<uint64_t>(static_cast<int64_t>(expected[i]) / static_cast<int64_t>(n))
                        : expected[i] / n;
    }
    const bool less =
        is_signed(type.type) ? static_cast<int64_t>(got[i]) < static_cast<int64_t>(expected[i]) : got[i] < expected[i];
    note(static_cast<double>(less ? expected[i] - got[i] : got[i] - expected[i]), 0, verdict);
  }
}

void Reference::check(const Segment& segment, size_t begin, size_t count, Verdict* verdict) const {
  for (size_t done = 0; done < count; done += kChunk) {
    const size_t part = std::min(kChunk, count - done);
    if (facts(input_.type()).is_float) {
      check_floats(segment, begin + done, part, verdict);
    } else {
      check_integers(segment, begin + done, part, verdict);
    }
  }
}

std::vector<Span> sample(size_t count, size_t limit) {
  if (count <= limit) return {{0, count}};
  constexpr size_t kBlocks = 64;
  const size_t end = limit / 4, block = std::max<size_t>(limit / 2 / kBlocks, 1);
  std::vector<Span> spans = {{0, end}};
  std::mt19937_64 random(count);
  const size_t cell = (count - 2 * end) / kBlocks;  // one block somewhere in each cell
  for (size_t i = 0; i < kBlocks; ++i) {
    const size_t slack = cell > block ? cell - block : 0;
    spans.push_back({end + i * cell + (slack > 0 ? random() % slack : 0), std::min(block, cell)});
  }
  spans.push_back({count - end, end});
  return spans;
}

void window_max(std::span<const double> in, size_t reach, std::span<double> out) {
  // Largest from the start of each tile and to its end; a window of one tile's length spans at most two tiles.
  const size_t n = in.size(), width = 2 * reach - 1;
  std::vector<double> forward(in.begin(), in.end()), backward(in.begin(), in.end());
  for (size_t i = 1; i < n; ++i) {
    if (i % width != 0) forward[i] = std::max(forward[i], forward[i - 1]);
  }
  for (size_t i = n; i-- > 1;) {
    if (i % width != 0) backward[i - 1] = std::max(backward[i - 1], backward[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    const size_t low = i - std::min(i, reach - 1), high = std::min(n - 1, i + reach - 1);
    const bool cut = low / width == high / width;  // at an end of the input
    out[i] =
        cut ? *std::max_element(in.begin() + static_cast<ptrdiff_t>(low), in.begin() + static_cast<ptrdiff_t>(high) + 1)
            : std::max(backward[low], forward[high]);
  }
}

uint64_t hash_bytes(const std::byte* bytes, size_t size) {
  uint64_t hash = 0x9e3779b97f4a7c15 ^ size;
  const auto add = [&hash](uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccd;
    hash ^= hash >> 29;
  };
  size_t at = 0;
  for (uint64_t word = 0; at + sizeof(word) <= size; at += sizeof(word)) {
    std::memcpy(&word, bytes + at, sizeof(word));
    add(word);
  }
  uint64_t tail = 0;
  if (at < size) std::memcpy(&tail, bytes + at, size - at);
  add(tail);
  return hash;
}

}  // namespace coll::perf
