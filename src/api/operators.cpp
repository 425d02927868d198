#include <cstring>

#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"

using namespace coll;
using api::check_type;
using api::guarded;
using api::not_null;

namespace coll::api {

namespace {

Status unknown_op(collRedOp_t op) {
  return {collInvalidArgument,
          text("op is ", static_cast<int>(op), ", which is not a collRedOp_t of this communicator")};
}

bool made(const collComm& comm, collRedOp_t op) {
  const auto number = static_cast<size_t>(op) - collNumOps;
  return op >= collNumOps && number < comm.operators.size() && comm.operators[number] != nullptr;
}

}  // namespace

Status resolve_op(const collComm& comm, collRedOp_t op, collDataType_t type, Call* call) {
  call->op = op;
  if (valid(op)) return {};
  if (!made(comm, op)) return unknown_op(op);
  call->op = collSum;
  call->scale = comm.operators[static_cast<size_t>(op) - collNumOps];
  if (call->scale->type == type) return {};
  return {collInvalidArgument, text("op ", static_cast<int>(op), " was made for ", info(call->scale->type).name,
                                    ", but the data are ", info(type).name)};
}

}  // namespace coll::api

namespace {

Status create(collRedOp_t* op, const void* scalar, collDataType_t type, collScalarResidence_t residence,
              collComm_t comm) {
  COLL_TRY(not_null(op, "op"));
  COLL_TRY(not_null(scalar, "scalar"));
  COLL_TRY(not_null(comm, "comm"));
  COLL_TRY(check_type(type));
  if (residence != collScalarDevice && residence != collScalarHostImmediate) {
    return {collInvalidArgument,
            text("residence is ", static_cast<int>(residence), ", which is not a collScalarResidence_t")};
  }
  auto scale = std::make_shared<Scale>();
  scale->type = type;
  if (residence == collScalarDevice) {
    scale->at = scalar;
  } else {
    std::memcpy(scale->value.data(), scalar, size_of(type));
  }
  size_t number = 0;
  while (number < comm->operators.size() && comm->operators[number] != nullptr) ++number;
  if (number == comm->operators.size()) comm->operators.emplace_back();
  comm->operators[number] = std::move(scale);
  *op = static_cast<collRedOp_t>(number + collNumOps);
  return {};
}

}  // namespace

extern "C" {

collResult_t collRedOpCreatePreMulSum(collRedOp_t* op, void* scalar, collDataType_t type,
                                      collScalarResidence_t residence, collComm_t comm) {
  return guarded("collRedOpCreatePreMulSum", [&] { return create(op, scalar, type, residence, comm); });
}

collResult_t collRedOpDestroy(collRedOp_t op, collComm_t comm) {
  return guarded("collRedOpDestroy", [&] {
    COLL_TRY(not_null(comm, "comm"));
    if (!api::made(*comm, op)) return api::unknown_op(op);
    comm->operators[static_cast<size_t>(op) - collNumOps].reset();
    return Status();
  });
}
}

COLL_TWIN(collRedOpCreatePreMulSum);
COLL_TWIN(collRedOpDestroy);
