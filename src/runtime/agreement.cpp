#include "runtime/agreement.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace coll {

Fingerprint fingerprint_of(const Call& call, uint64_t sequence, int rank) {
  Fingerprint print;
  print.sequence = sequence;
  print.count = call.count;
  print.rank = rank;
  print.root = call.root;
  print.function = static_cast<uint8_t>(call.function);
  print.type = static_cast<uint8_t>(call.type);
  print.op = static_cast<uint8_t>(call.scale ? collNumOps : call.op);
  const auto& codec = call.named ? call.named : call.codec;
  const std::string spec = codec ? codec->spec() : "none";
  std::snprintf(print.codec, sizeof(print.codec), "%s", spec.c_str());
  return print;
}

bool Fingerprint::same_call(const Fingerprint& other) const {
  return sequence == other.sequence && count == other.count && root == other.root && function == other.function &&
         type == other.type && op == other.op && std::strncmp(codec, other.codec, sizeof(codec)) == 0;
}

std::string Fingerprint::words() const {
  const std::string_view called =
      function < std::size(kFunctionNames) ? kFunctionNames[function] : std::string_view("unknown function");
  const std::string_view elements = type < collNumTypes ? kTypes[type].name : std::string_view("unknown type");
  const std::string_view operation = op < collNumOps ? kOpNames[op] : std::string_view("premulsum");
  return text("rank ", rank, " calls ", std::string(called), " #", sequence, " of ", count, " ", std::string(elements),
              ", op ", std::string(operation), ", root ", root, ", codec ", codec);
}

Agreement::Agreement(Fabric& fabric, const Fingerprint& own, int nranks, uint32_t tag_base)
    : fabric_(fabric), own_(own), nranks_(nranks), tag_base_(tag_base) {
  known_.lowest = own;
}

Status Agreement::start_round() {
  started_ = true;
  outgoing_ = known_;
  sent_ = {};
  received_ = {};
  const uint32_t tag = tag_base_ + static_cast<uint32_t>(round_);
  const int from = source();
  const int to = destination();
  COLL_TRY(fabric_.to(from).receive(from, tag, std::as_writable_bytes(std::span(&incoming_, 1)), &received_));
  return fabric_.to(to).send(to, tag, std::as_bytes(std::span(&outgoing_, 1)), &sent_);
}

Status Agreement::advance(bool* moved, bool* done) {
  while (distance() < nranks_) {
    if (!started_) {
      COLL_TRY(start_round());
      *moved = true;
    }
    if (!sent_.done || !received_.done) return {};
    if (received_.bytes != sizeof(News)) {
      return {collCorruptData, text("rank ", source(), " sent ", received_.bytes,
                                    " bytes where its call's fingerprint of ", sizeof(News), " was due")};
    }
    merge(incoming_);
    ++round_;
    started_ = false;
    *moved = true;
  }
  *done = true;
  return {};
}

void Agreement::merge(const News& heard) {
  const Fingerprint candidates[] = {known_.lowest, known_.differing, heard.lowest, heard.differing};
  for (const Fingerprint& candidate : candidates) {
    if (candidate.rank >= 0 && candidate.rank < known_.lowest.rank) known_.lowest = candidate;
  }
  known_.lowest.magnitude = std::max(candidates[0].magnitude, heard.lowest.magnitude);
  known_.differing = Fingerprint{};
  for (const Fingerprint& candidate : candidates) {
    if (candidate.rank < 0 || candidate.same_call(known_.lowest)) continue;
    if (known_.differing.rank < 0 || candidate.rank < known_.differing.rank) known_.differing = candidate;
  }
}

Status Agreement::verdict() const {
  if (known_.differing.rank < 0) return {};
  return {collInvalidUsage, text("the ranks do not make the same call: ", known_.lowest.words(), "; but ",
                                 known_.differing.words(), ". Make the arguments agree on all ranks")};
}

int Agreement::waiting_for() const {
  if (!started_) return -1;
  if (!received_.done) return source();
  return sent_.done ? -1 : destination();
}

}  // namespace coll
