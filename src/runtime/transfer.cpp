#include "runtime/transfer.hpp"

namespace coll {

Status Transfer::advance(bool* moved) {
  COLL_TRY(introduction_.advance(moved));
  if (!begun_ && introduction_.settled() && !introduction_.carries()) {
    begun_ = *moved = true;
    COLL_TRY(begin());
  }
  return begun_ && over() && call_.function == Function::kRecv ? verify() : Status();
}

Status Transfer::begin() {
  Transport& transport = fabric_.to(call_.root);
  data_.to_copy = true;
  if (call_.function == Function::kSend) {
    return transport.send(call_.root, transfer_data_tag(0), {call_.send, bytes()}, &data_);
  }
  return transport.receive(call_.root, transfer_data_tag(0), {call_.recv, bytes()}, &data_);
}

Status Transfer::verify() const {
  if (data_.bytes == bytes() && !data_.truncated) return {};
  return {collCorruptData, text("rank ", call_.root, "'s message has ", data_.bytes, " bytes",
                                data_.truncated ? " or more" : "", " instead of ", bytes())};
}

}  // namespace coll
