#include "topology/rates.hpp"

#include <algorithm>

namespace coll::topo {

const CodecRate& Rates::codec(std::string_view name) const {
  for (const CodecRate& rate : codecs) {
    if (rate.name[0] == '\0') break;
    if (name == rate.name) return rate;
  }
  return kUnknownCodec;
}

bool Rates::set_codec(std::string_view name, double encode_gbs, double decode_gbs) {
  if (name.empty() || name.size() >= sizeof(CodecRate::name)) return false;
  const auto place = std::find_if(codecs.begin(), codecs.end(),
                                  [name](const CodecRate& rate) { return rate.name[0] == '\0' || name == rate.name; });
  if (place == codecs.end()) return false;
  *place = {};
  name.copy(place->name, sizeof(place->name) - 1);
  place->encode_gbs = encode_gbs;
  place->decode_gbs = decode_gbs;
  return true;
}

}  // namespace coll::topo
