// Many inputs in one pass against the scalar stages one after the other on whole buffers, to the bit.
#include <gtest/gtest.h>

#include <string>

#include "reduce/reduce.hpp"
#include "support/elements.hpp"
#include "unit/compression/test_data.hpp"

namespace coll {
namespace {

using test::Bytes;
using testing::GuardedBuffer;

constexpr size_t kCounts[] = {0, 1, 2, 7, 63, 64, 65, 257, 1023, 1025, 3000};
constexpr size_t kInputs[] = {1, 2, 3, 5, 8};

Bytes slowly(const reduce::Reduction& r, const std::vector<Bytes>& inputs, size_t count) {
  Bytes accumulators(count * size_of(accumulator_of(r.type))), native(count * size_of(r.type));
  reduce::load(r.type, inputs[0].data(), accumulators.data(), count, Isa::kScalar);
  for (size_t k = 1; k < inputs.size(); ++k) {
    reduce::combine_native(r.type, r.op, inputs[k].data(), accumulators.data(), count, Isa::kScalar);
  }
  if (r.finish) reduce::finish(r.type, r.op, r.nranks, accumulators.data(), count, Isa::kScalar);
  if (r.partial) return accumulators;
  reduce::store(r.type, accumulators.data(), native.data(), count, Isa::kScalar);
  return native;
}

std::vector<Bytes> make_inputs(DataType type, RedOp op, size_t count, size_t inputs) {
  std::vector<Bytes> all;
  for (size_t k = 0; k < inputs; ++k) {
    const test::Pattern pattern{op == collProd, k % 2 == 1};
    all.push_back(test::make_input(type, pattern, count, static_cast<int>(k), static_cast<int>(inputs)));
  }
  return all;
}

struct Case {
  Isa isa;
  DataType type;
};

class Many : public ::testing::TestWithParam<Case> {
 protected:
  // Two outputs at addresses that differ, inputs at odd ones.
  void check(const reduce::Reduction& r, size_t count, size_t input_count, size_t offset) const {
    const std::vector<Bytes> inputs = make_inputs(r.type, r.op, count, input_count);
    const Bytes due = slowly(r, inputs, count);
    std::vector<GuardedBuffer> from;
    std::vector<const std::byte*> pointers;
    for (size_t k = 0; k < inputs.size(); ++k) {
      GuardedBuffer& buffer = from.emplace_back(inputs[k].size(), k % 2 * 5);
      if (count != 0) std::memcpy(buffer.data(), inputs[k].data(), inputs[k].size());
      pointers.push_back(buffer.data());
    }
    GuardedBuffer one(due.size(), offset), other(due.size(), 3 * offset);
    std::byte* const outputs[] = {one.data(), other.data()};
    reduce::reduce_many(r, pointers, outputs, count, GetParam().isa);
    for (GuardedBuffer* const made : {&one, &other}) {
      ASSERT_TRUE(made->guards_intact());
      ASSERT_TRUE(std::equal(due.begin(), due.end(), made->bytes().begin()))
          << name(r.op) << " of " << input_count << " x " << count << (r.partial ? " partial" : "")
          << (r.stream ? " streamed" : "") << " at " << offset;
    }
  }
};

TEST_P(Many, IsTheStagesOneAfterTheOther) {
  for (int op = 0; op < collNumOps; ++op) {
    for (const size_t count : kCounts) {
      for (const size_t inputs : kInputs) {
        for (const unsigned flags : {0u, 1u, 2u, 3u}) {
          reduce::Reduction r{GetParam().type, static_cast<RedOp>(op)};
          r.finish = count % 2 == 1;
          r.nranks = static_cast<int>(inputs);
          r.partial = (flags & 1u) != 0;
          r.stream = (flags & 2u) != 0;
          check(r, count, inputs, (count + inputs) % 3 * size_of(r.type));
          check(r, count, inputs, 1);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(Many, AnOutputMayBeAnInput) {
  const size_t count = 2500;
  for (const bool stream : {false, true}) {
    for (const size_t place : {0, 1, 2}) {
      reduce::Reduction r{GetParam().type, collAvg};
      r.finish = true;
      r.nranks = 3;
      r.stream = stream;
      std::vector<Bytes> inputs = make_inputs(r.type, r.op, count, 3);
      const Bytes due = slowly(r, inputs, count);
      const std::byte* const pointers[] = {inputs[0].data(), inputs[1].data(), inputs[2].data()};
      std::byte* const output = inputs[place].data();
      reduce::reduce_many(r, pointers, {&output, 1}, count, GetParam().isa);
      ASSERT_EQ(inputs[place], due) << place;
    }
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Isa isa : list_isas()) {
    for (int type = 0; type < collNumTypes; ++type) all.push_back({isa, static_cast<DataType>(type)});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Every, Many, ::testing::ValuesIn(cases()), [](const auto& test) {
  return std::string(name(test.param.isa)) + "_" + std::string(coll::info(test.param.type).name);
});

}  // namespace
}  // namespace coll
