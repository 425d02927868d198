// Parsing any text as a spec: an error in printable words, or a codec whose own spec makes it again.
#include <algorithm>
#include <cctype>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string spec(reinterpret_cast<const char*>(data), size);
  std::unique_ptr<coll::Codec> codec, again;
  const coll::Status status = coll::make_codec(spec, &codec);
  if (!status.ok()) {
    FUZZ_CHECK(status.code() == collInvalidArgument && codec == nullptr && !status.message().empty());
    FUZZ_CHECK(std::all_of(status.message().begin(), status.message().end(),
                           [](char c) { return std::isprint(static_cast<unsigned char>(c)); }));
    return 0;
  }
  FUZZ_CHECK(make_codec(codec->spec(), &again).ok());
  FUZZ_CHECK(again->spec() == codec->spec());
  FUZZ_CHECK(again->max_bytes(12345) == codec->max_bytes(12345));
  return 0;
}
