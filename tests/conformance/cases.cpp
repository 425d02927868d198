#include "tests/conformance/cases.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/conformance/guarded_buffer.hpp"
#include "tests/support/reference.hpp"

namespace coll::test {

namespace {

bool reduces(Function function) {
  return function == Function::kAllReduce || function == Function::kReduceScatter || function == Function::kReduce;
}

// Whether a rank's send (receive) buffer counts.
bool sends(const Case& test, int rank) {
  const bool from_root = test.function == Function::kBroadcast || test.function == Function::kScatter;
  return !from_root || rank == test.root;
}
bool receives(const Case& test, int rank) {
  const bool to_root = test.function == Function::kReduce || test.function == Function::kGather;
  return !to_root || rank == test.root;
}

// The call on the rank's own thread; on a device, on a stream of its own, to the end of that.
Status run_call(Communicator& communicator, Call call, const Case& test) {
  if (!GuardedBuffer::on_device(test, communicator.rank())) return communicator.run(call, nullptr);
  if (!receives(test, communicator.rank())) call.recv = nullptr;  // as the C API leaves it
  const DeviceStream& stream = stream_of_rank(communicator.rank());
  std::shared_ptr<Stream> line;
  COLL_TRY(communicator.place(stream.get(), &call, &line));
  COLL_TRY(communicator.run(call, line));
  COLL_TRY(stream.synchronize());
  return communicator.failure();
}

Call call_of(const Case& test, const SharedCodec& codec) {
  Call call{test.function};
  call.count = test.count;
  call.type = test.type;
  call.op = test.op;
  call.root = test.root;
  call.codec = codec;
  return call;
}

Bytes input_of(const Case& test, int rank, int nranks) {
  return make_input(test.type, test.pattern, send_count(test, nranks), rank, nranks);
}

Outcome run_apart(Communicator& communicator, const SharedCodec& codec, const Case& test) {
  const int n = communicator.nranks();
  const size_t bytes = recv_count(test, n) * size_of(test.type);
  const Bytes input = input_of(test, communicator.rank(), n);
  GuardedBuffer send(input.size(), test, communicator.rank());
  GuardedBuffer recv(bytes, test, communicator.rank());
  send.put(input);
  Call call = call_of(test, codec);
  call.send = sends(test, communicator.rank()) ? send.data() : nullptr;
  call.recv = recv.data();
  Outcome outcome;
  outcome.status = run_call(communicator, call, test);
  outcome.result = recv.part(0, bytes);
  if (!receives(test, communicator.rank())) {
    const auto touched = [](std::byte b) { return b != kUntouched; };
    if (std::any_of(outcome.result.begin(), outcome.result.end(), touched)) outcome.damage = "recv is not the root's";
    outcome.result.clear();
  }
  if (!recv.guards_hold()) outcome.damage = "bytes beyond recv were written";
  if (!send.guards_hold() || send.part(0, input.size()) != input) outcome.damage = "send was written";
  return outcome;
}

Outcome run_in_place(Communicator& communicator, const SharedCodec& codec, const Case& test) {
  const int n = communicator.nranks();
  const auto own = static_cast<size_t>(communicator.rank()) * test.count * size_of(test.type);
  const size_t bytes = recv_count(test, n) * size_of(test.type);
  const Bytes input = input_of(test, communicator.rank(), n);
  GuardedBuffer memory(std::max(input.size(), bytes), test, communicator.rank());
  const bool own_sent = test.function == Function::kAllGather || test.function == Function::kGather;
  const bool own_received = test.function == Function::kReduceScatter || test.function == Function::kScatter;
  const size_t send_at = own_sent ? own : 0;
  const size_t recv_at = own_received ? own : 0;
  const bool sending = sends(test, communicator.rank());
  const bool receiving = receives(test, communicator.rank());
  if (sending) memory.put(input, send_at);
  Call call = call_of(test, codec);
  call.send = sending ? memory.data() + send_at : nullptr;
  call.recv = receiving ? memory.data() + recv_at : nullptr;
  Outcome outcome;
  outcome.status = run_call(communicator, call, test);
  if (receiving) outcome.result = memory.part(recv_at, bytes);
  if (!memory.guards_hold()) outcome.damage = "in place, bytes beyond the buffer were written";
  if (own_received && sending && outcome.status.ok()) {
    memory.put(Bytes(input.begin() + static_cast<std::ptrdiff_t>(own),
                     input.begin() + static_cast<std::ptrdiff_t>(own + bytes)),
               own);
    if (memory.part(0, input.size()) != input) outcome.damage = "in place, other blocks of send were written";
  }
  return outcome;
}

// Both runs of one case, by rank.
struct Pair {
  std::vector<Outcome> apart;
  std::vector<Outcome> in_place;
};

// Scatter and alltoall: block s of a rank's result is the block for that rank in s's (the root's) input.
std::string wrong_blocks(const Case& test, const std::vector<Bytes>& inputs, const std::vector<Outcome>& outcomes) {
  const size_t bytes = test.count * size_of(test.type);
  for (size_t rank = 0; rank < outcomes.size(); ++rank) {
    const size_t first = test.function == Function::kScatter ? static_cast<size_t>(test.root) : 0;
    const size_t blocks = test.function == Function::kScatter ? 1 : inputs.size();
    for (size_t i = 0; i < blocks; ++i) {
      const auto due = inputs[first + i].begin() + static_cast<std::ptrdiff_t>(rank * bytes);
      const auto got = outcomes[rank].result.begin() + static_cast<std::ptrdiff_t>(i * bytes);
      if (std::equal(got, got + static_cast<std::ptrdiff_t>(bytes), due)) continue;
      return text("rank ", rank, ": its block of rank ", first + i, " has other bits than it must");
    }
  }
  return "";
}

// The elements that `rank` must hold: those of the whole result from `begin` on.
std::string wrong_values(const Case& test, const SharedCodec& codec, const std::vector<Outcome>& outcomes,
                         size_t* bounded) {
  const int n = static_cast<int>(outcomes.size());
  std::vector<Bytes> inputs;
  for (int rank = 0; rank < n; ++rank) inputs.push_back(input_of(test, rank, n));
  std::vector<const std::byte*> all;
  for (const Bytes& input : inputs) all.push_back(input.data());
  Question question{test.type, test.op, codec.get(), reduces(test.function), test.function == Function::kAllReduce};
  const size_t bytes = test.count * size_of(test.type);
  const auto root = static_cast<size_t>(test.root);
  if (reduces(test.function)) {
    const Expected expected(question, all, send_count(test, n));
    *bounded += expected.bounded();
    if (test.function == Function::kAllReduce) return expected.mismatch(outcomes[0].result.data(), 0, test.count);
    if (test.function == Function::kReduce) return expected.mismatch(outcomes[root].result.data(), 0, test.count);
    for (size_t rank = 0; rank < all.size(); ++rank) {
      std::string wrong = expected.mismatch(outcomes[rank].result.data(), rank * test.count, test.count);
      if (!wrong.empty()) return text("rank ", rank, ": ", wrong);
    }
    return "";
  }
  if (test.function == Function::kBroadcast) {
    const Expected expected(question, std::span(&all[root], 1), test.count);
    *bounded += expected.bounded();
    return expected.mismatch(outcomes[0].result.data(), 0, test.count);
  }
  if (test.function == Function::kScatter || test.function == Function::kAllToAll) {
    return wrong_blocks(test, inputs, outcomes);
  }
  const size_t holder = test.function == Function::kGather ? root : 0;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const Expected expected(question, std::span(&all[rank], 1), test.count);
    *bounded += expected.bounded();
    std::string wrong = expected.mismatch(outcomes[holder].result.data() + rank * bytes, 0, test.count);
    if (!wrong.empty()) return text("block of rank ", rank, ": ", wrong);
  }
  return "";
}

std::string wrong_run(const Case& test, const std::vector<Outcome>& outcomes) {
  for (size_t rank = 0; rank < outcomes.size(); ++rank) {
    const Outcome& outcome = outcomes[rank];
    if (!outcome.status.ok()) return text("rank ", rank, " failed: ", outcome.status.message());
    if (!outcome.damage.empty()) return text("rank ", rank, ": ", outcome.damage);
    const bool all_hold_all = test.function == Function::kAllReduce || test.function == Function::kAllGather ||
                              test.function == Function::kBroadcast;
    const bool alike = !all_hold_all || outcome.result == outcomes[0].result;
    if (!alike) return text("rank ", rank, " holds other bits than rank 0");
  }
  return "";
}

bool unsupported(const std::vector<Outcome>& outcomes) {
  return std::all_of(outcomes.begin(), outcomes.end(),
                     [](const Outcome& outcome) { return outcome.status.code() == collUnsupported; });
}

std::string wrong(const Case& test, const SharedCodec& codec, const Pair& pair, size_t* bounded) {
  if (std::string words = wrong_run(test, pair.apart); !words.empty()) return words;
  if (std::string words = wrong_run(test, pair.in_place); !words.empty()) return text("in place, ", words);
  for (size_t rank = 0; rank < pair.apart.size(); ++rank) {
    if (pair.apart[rank].result != pair.in_place[rank].result) {
      return text("rank ", rank, " holds other bits the second time, in place");
    }
  }
  return wrong_values(test, codec, pair.apart, bounded);
}

// ---- Which cases ------------------------------------------------------------------------------------------

constexpr Function kFunctions[] = {Function::kAllReduce, Function::kReduceScatter, Function::kAllGather,
                                   Function::kBroadcast, Function::kReduce,        Function::kAllToAll,
                                   Function::kGather,    Function::kScatter};
constexpr size_t kCodedFunctions = 4;  // the first of them

bool has_root(Function function) {
  return function == Function::kBroadcast || function == Function::kReduce || function == Function::kGather ||
         function == Function::kScatter;
}
bool has_block_per_rank(Function function) {
  return function == Function::kReduceScatter || function == Function::kAllGather || function == Function::kAllToAll ||
         function == Function::kGather || function == Function::kScatter;
}

class Cases {
 public:
  Cases(const SharedCodec& codec, int nranks, bool few) : codec_(codec), n_(nranks), few_(few) {
    for (int type = 0; type < collNumTypes; ++type) {
      const auto each = static_cast<DataType>(type);
      if (!codec || codec->supports(each).ok()) types_.push_back(each);
    }
    for (int op = 0; op < collNumOps; ++op) {
      const auto each = static_cast<RedOp>(op);
      if (!codec || codec->supports(each).ok()) ops_.push_back(each);
    }
  }

  std::vector<Case> all() {
    add_counts();
    add_types();
    add_roots();
    add_specials();
    return std::move(cases_);
  }

 private:
  std::span<const Function> functions() const {
    return std::span(kFunctions).first(codec_ ? kCodedFunctions : std::size(kFunctions));
  }
  // On few ranks everything, on many every sixth.
  bool turn() { return ++turn_, (n_ <= 3 && !few_) || (turn_ + static_cast<size_t>(n_)) % 6 == 0; }
  DataType some_type() const {
    return cases_.size() % 3 == 1 ? types_[cases_.size() / 3 % types_.size()] : collFloat32;
  }
  RedOp some_op() const { return ops_[cases_.size() % ops_.size()]; }
  int some_root() const { return static_cast<int>(cases_.size() % static_cast<size_t>(n_)); }

  void add(Case test, bool specials = false) {
    if (!reduces(test.function)) test.op = collSum;
    test.pattern = {test.op == collProd, specials};
    test.odd = cases_.size() % 2 == 1;
    cases_.push_back(test);
  }

  void add_counts() {
    const auto n = static_cast<size_t>(n_);
    std::set<size_t> counts = {0, 1, n - 1, n, n + 1, 131};
    if (!few_) counts.insert({1009, 4099});
    for (const Function function : functions()) {
      for (const size_t count : counts) {
        if (has_block_per_rank(function) && count > 2000 && n_ > 4) continue;
        add({function, count, some_type(), some_op(), some_root()});
      }
    }
  }

  void add_types() {
    const size_t count = codec_ ? 300 : 67;
    for (const DataType type : types_) {
      for (const RedOp op : ops_) {
        for (const Function function : functions()) {
          if (reduces(function) && turn()) add({function, count, type, op, some_root()});
        }
      }
      for (const Function function : functions()) {
        if (!reduces(function) && turn()) add({function, count, type, collSum, some_root()});
      }
    }
  }

  void add_roots() {
    if (n_ > 5) return;
    for (const Function function : functions()) {
      for (int root = 0; has_root(function) && root < n_; ++root) add({function, 259, collFloat32, collSum, root});
    }
  }

  void add_specials() {
    const size_t each = (kSpecialsCount + static_cast<size_t>(n_) - 1) / static_cast<size_t>(n_);
    for (const DataType type : types_) {
      if (!info(type).is_float) continue;
      for (const RedOp op : ops_) {
        if (turn()) add({Function::kAllReduce, kSpecialsCount, type, op}, true);
        if (turn()) add({Function::kReduceScatter, each, type, op}, true);
        if (turn() && !codec_) add({Function::kReduce, kSpecialsCount, type, op, some_root()}, true);
      }
      if (turn()) add({Function::kAllGather, kSpecialsCount, type}, true);
      if (turn()) add({Function::kBroadcast, kSpecialsCount, type, collSum, some_root()}, true);
    }
  }

  const SharedCodec& codec_;
  int n_;
  bool few_;
  std::vector<DataType> types_;
  std::vector<RedOp> ops_;
  std::vector<Case> cases_;
  size_t turn_ = 0;
};

// What a codec that chooses comes to, as every rank must tell; else the codec itself.
SharedCodec codec_of_call(World& world, const SharedCodec& codec, const Case& test) {
  if (!codec || !codec->traits().chooses || test.count == 0) return codec;
  std::string chosen;
  for (int rank = 0; rank < world.nranks(); ++rank) {
    std::string json;
    const Status status = world.communicator(rank).query_plan(call_of(test, codec), &json);
    EXPECT_TRUE(status.ok()) << status.message();
    const std::string spec = nlohmann::json::parse(json).value("codec", "");
    if (rank == 0) chosen = spec;
    EXPECT_EQ(spec, chosen) << "rank " << rank;
  }
  std::unique_ptr<Codec> made;
  EXPECT_TRUE(make_codec(chosen, &made).ok()) << chosen;
  return chosen == "none" ? nullptr : SharedCodec(std::move(made));
}

}  // namespace

std::vector<SharedCodec> all_codecs() {
  std::vector<std::string> specs;
  for (const CodecEntry& entry : codec_registry()) specs.emplace_back(entry.name);
  specs.emplace_back("int8:block=32");
  specs.emplace_back("int8:rounding=stochastic,seed=3");
  specs.emplace_back("auto:rel=0.5");
  std::vector<SharedCodec> codecs;
  for (const std::string& spec : specs) {
    std::unique_ptr<Codec> codec;
    const Status status = make_codec(spec, &codec);
    EXPECT_TRUE(status.ok()) << status.message();
    if (status.ok()) codecs.emplace_back(codec->traits().name == "none" ? nullptr : std::move(codec));
  }
  return codecs;
}

std::vector<SharedCodec> fixed_codecs() {
  std::vector<SharedCodec> codecs = all_codecs();
  std::erase_if(codecs, [](const SharedCodec& codec) { return codec && codec->traits().chooses; });
  return codecs;
}

std::string codec_name(const SharedCodec& codec) { return codec ? codec->spec() : "none"; }

size_t send_count(const Case& test, int nranks) {
  const bool blocks = test.function == Function::kReduceScatter || test.function == Function::kScatter ||
                      test.function == Function::kAllToAll;
  return blocks ? test.count * static_cast<size_t>(nranks) : test.count;
}

size_t recv_count(const Case& test, int nranks) {
  const bool blocks = test.function == Function::kAllGather || test.function == Function::kGather ||
                      test.function == Function::kAllToAll;
  return blocks ? test.count * static_cast<size_t>(nranks) : test.count;
}

std::string describe(const Case& test) {
  return text(name(test.function), " of ", test.count, " ", info(test.type).name, ", ", name(test.op), ", root ",
              test.root, test.odd ? ", odd addresses" : "", test.pattern.specials ? ", with specials" : "");
}

std::vector<Case> cases_for(const SharedCodec& codec, int nranks, bool few) { return Cases(codec, nranks, few).all(); }

std::vector<Outcome> results_of(World& world, const SharedCodec& codec, const Case& test) {
  std::vector<Outcome> outcomes(static_cast<size_t>(world.nranks()));
  world.run([&](int rank, Communicator& communicator) {
    outcomes[static_cast<size_t>(rank)] = run_apart(communicator, codec, test);
  });
  return outcomes;
}

Tally run_cases(World& world, const SharedCodec& codec, const std::vector<Case>& cases) {
  const auto n = static_cast<size_t>(world.nranks());
  std::vector<Pair> pairs(cases.size(), Pair{std::vector<Outcome>(n), std::vector<Outcome>(n)});
  world.run([&](int rank, Communicator& communicator) {
    for (size_t i = 0; i < cases.size(); ++i) {
      pairs[i].apart[static_cast<size_t>(rank)] = run_apart(communicator, codec, cases[i]);
      const bool never_in_place = cases[i].function == Function::kAllToAll;  // then only twice
      pairs[i].in_place[static_cast<size_t>(rank)] =
          (never_in_place ? run_apart : run_in_place)(communicator, codec, cases[i]);
    }
  });
  Tally tally;
  int failures = 0;
  for (size_t i = 0; i < cases.size() && failures < 3; ++i) {
    if (unsupported(pairs[i].apart) && unsupported(pairs[i].in_place)) {
      ++tally.unserved;
      continue;
    }
    const std::string words = wrong(cases[i], codec_of_call(world, codec, cases[i]), pairs[i], &tally.bounded);
    tally.served += words.empty();
    failures += !words.empty();
    EXPECT_EQ(words, "") << describe(cases[i]) << ", codec " << codec_name(codec);
  }
  return tally;
}

}  // namespace coll::test
