#include <cstring>
#include <memory>

#include "api/codec_device.hpp"
#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"
#include "runtime/hop.hpp"

using namespace coll;
using api::check_type;
using api::guarded;
using api::not_null;

namespace {

Status check(collCodec_t codec, size_t count, collDataType_t type) {
  COLL_TRY(not_null(codec, "codec"));
  COLL_TRY(check_type(type));
  if (count > SIZE_MAX / 16)
    return {collInvalidArgument, text("count is ", count, ", which is more than memory can hold")};
  return codec->codec->supports(type);
}

// Messages are the elements themselves, in the user's type.
bool exact(const collCodec& codec) {
  const CodecTraits& traits = codec.codec->traits();
  return traits.name == "none" || traits.chooses;
}

size_t max_bytes(const collCodec& codec, size_t count, collDataType_t type) {
  return exact(codec) ? count * size_of(type) : codec.codec->max_bytes(count);
}

Status encode(collCodec& codec, const void* in, size_t count, collDataType_t type, void* out) {
  Hop hop{type, collSum, 1, codec.codec.get(), {codec.calls++}, count};
  hop.coded = static_cast<std::byte*>(out);
  const Contribution only{Wire::kNative, static_cast<const std::byte*>(in)};
  run_hop(hop, {&only, 1});
  return {};
}

Status decode(const collCodec& codec, std::span<const std::byte> message, void* out, size_t count,
              collDataType_t type) {
  COLL_TRY(codec.codec->validate(message, count));
  Hop hop{type, collSum, 1, codec.codec.get(), {}, count};
  hop.native = static_cast<std::byte*>(out);
  const Contribution only{Wire::kCoded, message.data()};
  run_hop(hop, {&only, 1});
  return {};
}

}  // namespace

extern "C" {

collResult_t collCodecCreate(collCodec_t* codec, const char* spec) {
  return guarded("collCodecCreate", [&] {
    COLL_TRY(not_null(codec, "codec"));
    *codec = nullptr;
    COLL_TRY(not_null(spec, "spec"));
    std::unique_ptr<Codec> made;
    COLL_TRY(make_codec(spec, &made));
    auto handle = std::make_unique<collCodec>();
    handle->codec = std::move(made);
    *codec = handle.release();
    return Status();
  });
}

collResult_t collCodecDestroy(collCodec_t codec) {
  return guarded("collCodecDestroy", [&] {
    delete codec;
    return Status();
  });
}

collResult_t collCodecGetInfo(collCodec_t codec, collCodecInfo_t* info) {
  return guarded("collCodecGetInfo", [&] {
    COLL_TRY(not_null(codec, "codec"));
    COLL_TRY(not_null(info, "info"));
    const CodecTraits& traits = codec->codec->traits();
    collCodecInfo_t whole{};
    whole.size = std::min(info->size, sizeof(whole));
    if (whole.size < sizeof(size_t))
      return Status(collInvalidArgument, "set info->size to sizeof(collCodecInfo_t) first");
    traits.name.copy(whole.name, sizeof(whole.name) - 1);
    whole.lossless = traits.lossless ? 1 : 0;
    whole.bits_per_element = traits.bits_per_element;
    whole.bound_kind = traits.bound_kind;
    whole.bound_value = traits.bound_value;
    whole.block = traits.block;
    std::memcpy(info, &whole, whole.size);
    return Status();
  });
}

collResult_t collCodecMaxBytes(collCodec_t codec, size_t count, collDataType_t type, size_t* bytes) {
  return guarded("collCodecMaxBytes", [&] {
    COLL_TRY(check(codec, count, type));
    COLL_TRY(not_null(bytes, "bytes"));
    *bytes = max_bytes(*codec, count, type);
    return Status();
  });
}

collResult_t collCodecEncode(collCodec_t codec, const void* in, size_t count, collDataType_t type, void* out,
                             size_t capacity, size_t* bytes, collStream_t stream) {
  return guarded("collCodecEncode", [&] {
    COLL_TRY(check(codec, count, type));
    COLL_TRY(not_null(bytes, "bytes"));
    const size_t needed = max_bytes(*codec, count, type);
    if (capacity < needed) {
      return Status(collInvalidArgument, text("capacity is ", capacity, "; this message takes ", needed,
                                              " bytes (collCodecMaxBytes tells)"));
    }
    *bytes = needed;
    api::CodecPlace place{in, out, stream};
    if (count == 0) return api::find_place(*codec, &place);
    COLL_TRY(not_null(in, "in"));
    COLL_TRY(not_null(out, "out"));
    COLL_TRY(api::find_place(*codec, &place));
    if (place.operations != nullptr) {
      return exact(*codec) ? copy_on_device(place, needed) : encode_on_device(*codec, place, count, type);
    }
    if (!exact(*codec)) return encode(*codec, in, count, type, out);
    std::memmove(out, in, needed);
    return Status();
  });
}

collResult_t collCodecDecode(collCodec_t codec, const void* in, size_t bytes, void* out, size_t count,
                             collDataType_t type, collStream_t stream) {
  return guarded("collCodecDecode", [&] {
    COLL_TRY(check(codec, count, type));
    const size_t needed = max_bytes(*codec, count, type);
    if (exact(*codec) && bytes != needed) {
      return Status(collCorruptData, text("the message has ", bytes, " bytes; ", count, " elements take ", needed));
    }
    api::CodecPlace place{in, out, stream};
    if (count == 0 && bytes == 0) return api::find_place(*codec, &place);
    COLL_TRY(not_null(in, "in"));
    COLL_TRY(not_null(out, "out"));
    COLL_TRY(api::find_place(*codec, &place));
    if (place.operations != nullptr) {
      return exact(*codec) ? copy_on_device(place, needed) : decode_on_device(*codec, place, bytes, count, type);
    }
    if (!exact(*codec)) return decode(*codec, {static_cast<const std::byte*>(in), bytes}, out, count, type);
    std::memmove(out, in, needed);
    return Status();
  });
}
}

COLL_TWIN(collCodecCreate);
COLL_TWIN(collCodecDestroy);
COLL_TWIN(collCodecGetInfo);
COLL_TWIN(collCodecMaxBytes);
COLL_TWIN(collCodecEncode);
COLL_TWIN(collCodecDecode);
