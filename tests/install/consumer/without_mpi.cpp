// A program that loads no MPI: the version, and a codec there and back.
#include <coll/coll.h>

#include <cstdio>
#include <vector>

int main() {
  int version = 0;
  if (collGetVersion(&version) != collSuccess || version != COLL_VERSION_CODE) return 1;
  const std::vector<float> in(1000, 1.5F);
  std::vector<float> out(in.size());
  collCodec_t codec = nullptr;
  size_t capacity = 0, bytes = 0;
  if (collCodecCreate(&codec, "bf16") != collSuccess) return 1;
  if (collCodecMaxBytes(codec, in.size(), collFloat32, &capacity) != collSuccess) return 1;
  std::vector<char> message(capacity);
  if (collCodecEncode(codec, in.data(), in.size(), collFloat32, message.data(), capacity, &bytes, nullptr) !=
          collSuccess ||
      collCodecDecode(codec, message.data(), bytes, out.data(), out.size(), collFloat32, nullptr) != collSuccess) {
    std::fprintf(stderr, "%s\n", collGetLastError(nullptr));
    return 1;
  }
  collCodecDestroy(codec);
  return in == out ? 0 : 1;
}
