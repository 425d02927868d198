#include "compression/refusals.hpp"

namespace coll {

Status refuse_unless_float(std::string_view codec, DataType type) {
  if (valid(type) && info(type).is_float) return {};
  return Status(collUnsupported,
                text("codec '", codec, "' rounds floating-point elements and cannot carry ",
                     valid(type) ? info(type).name : "an unknown type", "; use codec 'none' for integers"));
}

Status refuse_product(std::string_view codec, RedOp op) {
  if (valid(op) && op != collProd) return {};
  return Status(collUnsupported,
                text("codec '", codec, "' is lossy, and ", valid(op) ? name(op) : "an unknown operator",
                     " would multiply its errors from rank to rank without a bound; use sum, avg, "
                     "max or min, or codec 'none'"));
}

Status refuse_wrong_size(std::string_view codec, size_t count, size_t expected_bytes, size_t actual_bytes) {
  if (count <= kMaxElements && expected_bytes == actual_bytes) return {};
  return Status(collCorruptData, text("a message of codec '", codec, "' with ", count, " elements has ", expected_bytes,
                                      " bytes, not ", actual_bytes));
}

}  // namespace coll
