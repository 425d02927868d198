#include "core.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "compression/codec.hpp"
#include "perf/tools/buffer.hpp"
#include "reduce/reduce.hpp"
#include "transport/shm/kernel_copy.hpp"

namespace coll::perf {
namespace {

using Clock = std::chrono::steady_clock;

// A piece of a long call. The user's elements come from memory, what travels lies in staging memory that is used again.
constexpr size_t kBytes = size_t{1} << 20;
constexpr size_t kUserBytes = size_t{64} << 20;
constexpr size_t kCount = kBytes / sizeof(float);
constexpr size_t kSocketBytes = size_t{64} << 10;
constexpr size_t kKernelCopyBytes = size_t{256} << 10;  // long enough that the system call itself hardly counts

double gbs(size_t bytes, double seconds) { return static_cast<double>(bytes) / seconds / 1e9; }

// Seconds of a call: the median over the effort's time, after one call to warm up.
template <class Call>
double time_of(const Effort& effort, const Call& call) {
  call();
  std::vector<double> times;
  const auto end = Clock::now() + std::chrono::duration<double>(effort.seconds);
  while (times.size() < 5 || Clock::now() < end) {
    const auto begin = Clock::now();
    call();
    times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

// The user's memory, piece by piece.
class Pieces {
 public:
  std::byte* next() {
    at_ = (at_ + kBytes) % kUserBytes;
    return memory_.data() + at_;
  }

 private:
  Buffer memory_{kUserBytes};
  size_t at_ = 0;
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

bool send_and_receive(int out, int in, std::span<std::byte> bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t sent = ::send(out, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    for (ssize_t got = 0; got < sent;) {
      const ssize_t more = ::recv(in, bytes.data(), static_cast<size_t>(sent - got), 0);
      if (more <= 0) return false;
      got += more;
    }
    done += static_cast<size_t>(sent);
  }
  return true;
}

// One thread sends to itself through the loopback interface, so that the time is that of the stack's both sides.
// 0 where there is no loopback.
double network_cpu_gbs(const Effort& effort) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool listens = ::bind(listener.get(), generic, length) == 0 && ::listen(listener.get(), 1) == 0 &&
                       ::getsockname(listener.get(), generic, &length) == 0;
  if (!listens || ::connect(out.get(), generic, length) != 0) return 0;
  const Descriptor in(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const Buffer bytes(kSocketBytes);
  bool works = in.get() >= 0;
  const double seconds = time_of(effort, [&] {
    works = works && send_and_receive(out.get(), in.get(), {bytes.data(), kSocketBytes});
  });
  return works ? 2 * gbs(kSocketBytes, seconds) : 0;
}

// From this process's own memory: the kernel looks up its pages as it would another's, and nobody need permit it.
// 0 where the system has no such call.
double kernel_copy_gbs(const Effort& effort, Pieces* input) {
  const Buffer block(kKernelCopyBytes);
  bool works = true;
  const double seconds = time_of(effort, [&] {
    const auto from = reinterpret_cast<uint64_t>(input->next());
    works = works && shm::copy_from(::getpid(), from, {block.data(), kKernelCopyBytes});
  });
  return works ? gbs(kKernelCopyBytes, seconds) : 0;
}

void measure_reduction(const Effort& effort, Pieces* input, Pieces* output, topo::Rates* rates) {
  const Buffer staging(kBytes);
  rates->copy_gbs = gbs(kBytes, time_of(effort, [&] { std::memcpy(staging.data(), input->next(), kBytes); }));
  const double seconds = time_of(effort, [&] {
    const std::byte* const inputs[] = {input->next(), staging.data()};
    std::byte* const result = output->next();
    reduce::reduce_many({collFloat32, collSum}, inputs, std::span<std::byte* const>(&result, 1), kCount);
  });
  rates->reduce_gbs = gbs(2 * kBytes, seconds);
}

Problem measure_codec(const CodecEntry& entry, const Effort& effort, Pieces* input, Pieces* output,
                      topo::Rates* rates) {
  std::unique_ptr<Codec> codec;
  const Status made = make_codec(entry.name, &codec);
  if (!made.ok()) return {made.message()};
  if (codec->traits().chooses) return {};  // no kernels of its own
  const Buffer message(codec->max_bytes(kCount));
  const Tile whole{0, kCount, kCount};
  const auto floats = [](Pieces* pieces) { return reinterpret_cast<float*>(pieces->next()); };
  const double encode = time_of(effort, [&] { codec->encode(floats(input), whole, {}, message.data()); });
  const double decode = time_of(effort, [&] { codec->decode(message.data(), whole, floats(output)); });
  if (rates->set_codec(entry.name, gbs(kBytes, encode), gbs(kBytes, decode))) return {};
  return {fmt::format("there is no room for the rates of codec {}", entry.name)};
}

void fill(Pieces* pieces) {
  for (size_t piece = 0; piece < kUserBytes / kBytes; ++piece) {
    auto* const floats = reinterpret_cast<float*>(pieces->next());
    for (size_t i = 0; i < kCount; ++i) floats[i] = static_cast<float>(i * 2654435761u % 20011) / 10007 - 1;
  }
}

}  // namespace

Problem measure_core(const Effort& effort, topo::Rates* rates) {
  Pieces input, output;
  fill(&input);
  measure_reduction(effort, &input, &output, rates);
  if (const double rate = kernel_copy_gbs(effort, &input); rate > 0) rates->kernel_copy_gbs = rate;
  if (const double rate = network_cpu_gbs(effort); rate > 0) rates->network_cpu_gbs = rate;
  for (const CodecEntry& entry : codec_registry()) {
    if (Problem p = measure_codec(entry, effort, &input, &output, rates)) return p;
  }
  return {};
}

}  // namespace coll::perf
