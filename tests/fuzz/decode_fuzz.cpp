// Decoding any bytes: validate() takes exactly the right sizes, and what it takes is decoded within bounds, the same
// way whole and in tiles.
#include <algorithm>
#include <vector>

#include "fuzz.hpp"

using coll::fuzz::Input;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const std::unique_ptr<coll::Codec> codec = coll::fuzz::any_codec(input);
  const size_t count = input.number(10000);
  const size_t tile_units = 1 + input.byte();
  const size_t bytes = codec->max_bytes(count);
  const auto received = std::as_bytes(input.rest());
  FUZZ_CHECK(codec->validate(received, count).ok() == (received.size() == bytes));

  // Exactly as large as promised, so that AddressSanitizer sees the first byte beyond.
  const auto message = std::make_unique<std::byte[]>(bytes);
  if (const size_t have = std::min(bytes, received.size())) std::memcpy(message.get(), received.data(), have);
  FUZZ_CHECK(codec->validate({message.get(), bytes}, count).ok());
  const auto whole = std::make_unique<float[]>(count), tiled = std::make_unique<float[]>(count);
  codec->decode(message.get(), {0, count, count}, whole.get());
  for (size_t begin = 0; begin < count;) {
    const coll::Tile tile{begin, std::min(tile_units * codec->traits().tile_elements, count - begin), count};
    codec->decode(message.get(), tile, tiled.get() + begin);
    begin += tile.count;
  }
  if (count != 0) FUZZ_CHECK(std::memcmp(whole.get(), tiled.get(), count * sizeof(float)) == 0);
  for (const coll::RedOp op : {collSum, collMax, collMin, collAvg}) {
    const std::byte* const messages[] = {message.get(), message.get(), message.get()};
    const size_t some = 1 + tile_units % std::size(messages);
    codec->decode_reduce({messages, some}, {0, count, count}, op, whole.get(), tiled.get());
    codec->decode_reduce({messages, some}, {0, count, count}, op, nullptr, whole.get());
  }
  return 0;
}
