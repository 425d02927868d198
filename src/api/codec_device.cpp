#include "api/codec_device.hpp"

namespace coll::api {

namespace {

DeviceHop hop_of(const collCodec& codec, size_t count, DataType type) {
  DeviceHop hop;
  hop.codec = codec.codec->traits().name;
  hop.block = codec.codec->traits().block;
  hop.type = type;
  hop.count = count;
  return hop;
}

// Host memory is worked on by the caller's thread: a host stream has nothing to add, but its order has to be kept.
Status refuse_stream(collStream_t stream, const std::string& why_not) {
  if (stream == nullptr) return {};
  if (host_stream(stream) != nullptr || why_not.empty()) {
    return {collUnsupported, "encoding and decoding of host memory take no stream; pass NULL"};
  }
  return {collUnsupported, text("this is no host stream, and CUDA is not to be had: ", why_not)};
}

const char* name_of(const MemoryOwner& owner) { return owner.on_device() ? "device" : "host"; }

}  // namespace

Status find_place(const collCodec& codec, CodecPlace* place) {
  std::string why_not;
  DeviceOperations* const operations = codec.devices->operations(&why_not);
  if (operations == nullptr) return refuse_stream(place->stream, why_not);
  MemoryOwner in, out;
  if (place->in != nullptr) COLL_TRY(operations->owner_of(place->in, &in));
  if (place->out != nullptr) COLL_TRY(operations->owner_of(place->out, &out));
  if (place->in == nullptr || place->out == nullptr) return {};  // nothing to do
  if (!in.on_device() && !out.on_device()) return refuse_stream(place->stream, "");
  if (in.on_device() != out.on_device() || in.device != out.device) {
    return {collInvalidArgument, text("in is memory of the ", name_of(in), " (device ", in.device, ") and out of the ",
                                      name_of(out), " (device ", out.device, "); both have to be in one place")};
  }
  if (host_stream(place->stream) != nullptr) {
    return {collInvalidArgument, "the buffers are device memory, and the stream is a host stream; pass a CUDA stream"};
  }
  place->operations = operations;
  place->device = in.device;
  return {};
}

Status copy_on_device(const CodecPlace& place, size_t bytes) {
  return on_device(*place.operations, place.device,
                   [&] { return place.operations->copy(place.out, place.in, bytes, place.stream); });
}

Status encode_on_device(collCodec& codec, const CodecPlace& place, size_t count, DataType type) {
  DeviceHop hop = hop_of(codec, count, type);
  const Rounding& rounding = codec.codec->traits().rounding;
  hop.random = rounding.random;
  hop.draws = draws_of(rounding, {codec.calls++}, 0);
  hop.own = place.in;
  hop.coded = place.out;
  return on_device(*place.operations, place.device, [&] { return place.operations->run(hop, place.stream); });
}

Status decode_on_device(const collCodec& codec, const CodecPlace& place, size_t bytes, size_t count, DataType type) {
  if (!codec.codec->traits().fixed_size) {
    return {collUnsupported,
            text("messages of codec '", codec.codec->traits().name, "' are decoded on the host alone")};
  }
  COLL_TRY(codec.codec->validate({static_cast<const std::byte*>(place.in), bytes}, count));  // looks at the size alone
  DeviceHop hop = hop_of(codec, count, type);
  hop.messages = {&place.in, 1};
  hop.native = place.out;
  return on_device(*place.operations, place.device, [&] { return place.operations->run(hop, place.stream); });
}

}  // namespace coll::api
