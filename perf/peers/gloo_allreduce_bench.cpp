// Measures gloo's allreduce of float32 sums: its ring (what its newer interface runs) and its halving-doubling.
// usage: gloo_allreduce_bench ALGORITHM ITERS WARMUP SIZE...   ALGORITHM: ring, ring_chunked or halving_doubling.
// Rank, number of ranks and the folder to meet in come from GLOO_RANK, GLOO_SIZE and GLOO_STORE; the address to listen
// at from GLOO_ADDRESS. Where a launcher counts the ranks, its variables do (Open MPI's). Prints "SIZE P50_US".
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/allreduce_ring_chunked.h>
#include <gloo/barrier.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/rendezvous/prefix_store.h>
#include <gloo/transport/tcp/device.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Setting {
  std::string algorithm;
  int iters, warmup;
};

int number_from(const char* name, const char* launchers) {
  const char* text = std::getenv(name);
  if (text == nullptr) text = std::getenv(launchers);
  if (text == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return std::atoi(text);
}

std::string text_from(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

std::shared_ptr<gloo::rendezvous::Context> connect() {
  const int rank = number_from("GLOO_RANK", "OMPI_COMM_WORLD_RANK");
  const int size = number_from("GLOO_SIZE", "OMPI_COMM_WORLD_SIZE");
  gloo::transport::tcp::attr attributes;
  attributes.iface = text_from("GLOO_IFACE");
  if (attributes.iface.empty()) attributes.hostname = "localhost";
  auto device = gloo::transport::tcp::CreateDevice(attributes);
  gloo::rendezvous::FileStore store(text_from("GLOO_STORE"));
  auto context = std::make_shared<gloo::rendezvous::Context>(rank, size);
  context->connectFullMesh(store, device);
  return context;
}

using Call = std::function<void()>;

// The older algorithms work in place: what they begin with is put back before each call, untimed.
Call call_of(const std::string& algorithm, const std::shared_ptr<gloo::Context>& context, std::vector<float>* send,
             std::vector<float>* recv) {
  const int count = static_cast<int>(send->size());
  if (algorithm == "ring") {
    return [=] {
      gloo::AllreduceOptions options(context);
      options.setInput(send->data(), send->size());
      options.setOutput(recv->data(), recv->size());
      options.setReduceFunction(static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::sum<float>));
      gloo::allreduce(options);
    };
  }
  std::shared_ptr<gloo::Algorithm> made;
  const std::vector<float*> data = {recv->data()};
  if (algorithm == "halving_doubling") {
    made = std::make_shared<gloo::AllreduceHalvingDoubling<float>>(context, data, count);
  } else if (algorithm == "ring_chunked") {
    made = std::make_shared<gloo::AllreduceRingChunked<float>>(context, data, count);
  } else {
    throw std::runtime_error("no algorithm " + algorithm);
  }
  return [made] { made->run(); };
}

double slowest_of_ranks(const std::shared_ptr<gloo::Context>& context, double mine) {
  gloo::AllreduceOptions options(context);
  options.setInput(&mine, 1);
  double slowest = 0;
  options.setOutput(&slowest, 1);
  options.setReduceFunction(static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::max<double>));
  gloo::allreduce(options);
  return slowest;
}

double measure_us(const Setting& setting, const std::shared_ptr<gloo::Context>& context, size_t bytes) {
  std::vector<float> send(bytes / sizeof(float)), recv(send.size());
  for (size_t i = 0; i < send.size(); ++i) send[i] = static_cast<float>(i % 1021) + static_cast<float>(context->rank);
  const Call call = call_of(setting.algorithm, context, &send, &recv);
  std::vector<double> times;
  for (int i = -setting.warmup; i < setting.iters; ++i) {
    recv = send;
    gloo::BarrierOptions barrier(context);
    gloo::barrier(barrier);
    const auto start = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    const double slowest = slowest_of_ranks(context, took.count());
    if (i >= 0) times.push_back(slowest);
  }
  const int n = context->size;
  for (size_t i = 0; i < recv.size(); ++i) {
    const float sum = static_cast<float>(i % 1021) * static_cast<float>(n) + static_cast<float>(n * (n - 1) / 2);
    if (recv[i] != sum) throw std::runtime_error("element " + std::to_string(i) + " is wrong");
  }
  std::nth_element(times.begin(), times.begin() + setting.iters / 2, times.end());
  return times[static_cast<size_t>(setting.iters) / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fputs("usage: gloo_allreduce_bench ALGORITHM ITERS WARMUP SIZE...\n", stderr);
    return 2;
  }
  try {
    const Setting setting{argv[1], std::atoi(argv[2]), std::atoi(argv[3])};
    const auto context = connect();
    for (int s = 4; s < argc; ++s) {
      const size_t bytes = std::strtoull(argv[s], nullptr, 10);
      const double p50 = measure_us(setting, context, bytes);
      if (context->rank == 0) std::printf("%zu %.3f\n", bytes, p50);
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gloo_allreduce_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
