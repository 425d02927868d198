// Encoding any floats: within bounds, the same bytes with every instruction set, finite elements within the error bound
// and NaN and infinities visible.
#include <algorithm>
#include <cmath>

#include "fuzz.hpp"

using coll::fuzz::Input;

namespace {

void check_errors(const coll::Codec& codec, const float* in, const float* out, size_t count) {
  const size_t block = codec.traits().block;
  for (size_t begin = 0; begin < count; begin += block) {
    const size_t end = std::min(begin + block, count);
    double largest = 0;
    for (size_t i = begin; i < end; ++i) {
      largest = std::max(largest, std::isfinite(in[i]) ? std::abs(double{in[i]}) : INFINITY);
    }
    for (size_t i = begin; i < end; ++i) {
      if (!std::isfinite(in[i])) {
        FUZZ_CHECK(!std::isfinite(out[i]));
      } else if (const double bound = codec.error_bound(in[i], largest); std::isfinite(bound)) {
        FUZZ_CHECK(std::abs(double{out[i]} - double{in[i]}) <= bound);
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const std::unique_ptr<coll::Codec> codec = coll::fuzz::any_codec(input);
  const size_t count = input.rest().size() / sizeof(float);
  const coll::Tile whole{0, count, count};
  const size_t bytes = codec->max_bytes(count);
  const auto in = std::make_unique<float[]>(count), out = std::make_unique<float[]>(count);
  if (count != 0) std::memcpy(in.get(), input.rest().data(), count * sizeof(float));
  const auto message = std::make_unique<std::byte[]>(bytes), portable = std::make_unique<std::byte[]>(bytes);
  codec->encode(in.get(), whole, {}, message.get());
  codec->decode(message.get(), whole, out.get());
  check_errors(*codec, in.get(), out.get(), count);

  std::unique_ptr<coll::Codec> reference;
  FUZZ_CHECK(make_codec(codec->spec(), &reference, coll::list_isas().front()).ok());
  reference->encode(in.get(), whole, {}, portable.get());
  if (bytes != 0) FUZZ_CHECK(std::memcmp(message.get(), portable.get(), bytes) == 0);
  return 0;
}
