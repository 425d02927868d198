// Encoding and decoding of device memory: where a call's buffers are, and the hop that is enqueued there.
#pragma once

#include "api/handles.hpp"

namespace coll::api {

struct CodecPlace {
  const void* in;
  void* out;
  collStream_t stream;
  DeviceOperations* operations = nullptr;  // NULL: host memory
  int device = -1;
};

// Fills in operations and device. collInvalidArgument where one buffer is the host's and one a device's.
Status find_place(const collCodec& codec, CodecPlace* place);

Status copy_on_device(const CodecPlace& place, size_t bytes);
Status encode_on_device(collCodec& codec, const CodecPlace& place, size_t count, DataType type);
Status decode_on_device(const collCodec& codec, const CodecPlace& place, size_t bytes, size_t count, DataType type);

}  // namespace coll::api
