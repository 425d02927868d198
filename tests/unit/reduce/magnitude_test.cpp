// The largest magnitude of buffers, beside a loop over float64.
#include "reduce/magnitude.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/float.hpp"
#include "reduce/reduce.hpp"

namespace coll {
namespace {

constexpr DataType kFloats[] = {collFloat16, collFloat32, collFloat64, collBfloat16, collFloat8e4m3, collFloat8e5m2};

// Native elements of the type, one byte off any alignment.
class Elements {
 public:
  Elements(DataType type, size_t count) : type_(type), bytes_(count * size_of(type) + 1) {}
  std::byte* at(size_t i) { return bytes_.data() + 1 + i * size_of(type_); }
  void set(size_t i, double value) {
    const auto narrow = static_cast<float>(value);
    reduce::store(type_, type_ == collFloat64 ? static_cast<const void*>(&value) : &narrow, at(i), 1);
  }
  // What was stored, as it was rounded.
  double get(size_t i) {
    double wide = 0;
    float narrow = 0;
    reduce::load(type_, at(i), type_ == collFloat64 ? static_cast<void*>(&wide) : &narrow, 1);
    return type_ == collFloat64 ? wide : static_cast<double>(narrow);
  }

 private:
  DataType type_;
  std::vector<std::byte> bytes_;
};

TEST(Magnitude, IsThatOfTheLargestElementWhereverItIs) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> values(-3, 3);
  for (const Isa isa : list_isas()) {
    for (const DataType type : kFloats) {
      for (const size_t count : {size_t{1}, size_t{2}, size_t{15}, size_t{16}, size_t{63}, size_t{129}, size_t{1000}}) {
        Elements elements(type, count);
        double expected = 0;
        for (size_t i = 0; i < count; ++i) {
          elements.set(i, values(random));
          expected = std::max(expected, std::abs(elements.get(i)));
        }
        EXPECT_EQ(reduce::largest_magnitude(type, elements.at(0), count, isa), expected) << info(type).name;
        for (size_t i = 0; i < count; i += std::max<size_t>(1, count / 7)) {
          Elements one = elements;
          one.set(i, i % 2 == 0 ? -40 : 40);
          EXPECT_EQ(reduce::largest_magnitude(type, one.at(0), count, isa), 40) << info(type).name << " at " << i;
        }
      }
    }
  }
}

TEST(Magnitude, OfWhatIsNoNumberIsInfinite) {
  for (const Isa isa : list_isas()) {
    for (const DataType type : kFloats) {
      Elements elements(type, 70);
      EXPECT_EQ(reduce::largest_magnitude(type, elements.at(0), 70, isa), 0);
      EXPECT_EQ(reduce::largest_magnitude(type, elements.at(0), 0, isa), 0);
      for (const double value : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
        for (const size_t i : {size_t{0}, size_t{69}}) {
          Elements one = elements;
          one.set(i, value);
          EXPECT_EQ(reduce::largest_magnitude(type, one.at(0), 70, isa), std::numeric_limits<double>::infinity())
              << info(type).name << " " << value;
        }
      }
    }
  }
}

}  // namespace
}  // namespace coll
