// What is read from NVML, by way of a library that stands in for it: facts, and libraries that are absent or broken.
#include "topology/nvml.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/status.hpp"
#include "fake_machines.hpp"
#include "tests/support/directory.hpp"

namespace coll::topo {
namespace {

using test::eight_at_switches;
using test::FakeLibrary;
using test::four_joined_directly;

std::vector<NvmlGpu> read_fake() {
  std::string failure;
  std::vector<NvmlGpu> gpus = read_nvml(COLL_FAKE_NVML, &failure);
  EXPECT_EQ(failure, "");
  return gpus;
}

TEST(Nvml, EightGpusAtSwitches) {
  FakeLibrary nvml;
  eight_at_switches(nvml);
  const std::vector<NvmlGpu> gpus = read_fake();
  ASSERT_EQ(gpus.size(), 8u);
  EXPECT_EQ(pci_text(gpus[7].address), "0000:c4:00.0");
  const GpuFacts& facts = gpus[7].facts;
  EXPECT_EQ(facts.product, "NVIDIA H200");
  EXPECT_EQ(facts.pcie_bytes_per_s, 63'015'384'615u) << "32 GT/s, 16 lanes, 128b/130b";
  ASSERT_EQ(facts.nvlinks.size(), 1u) << "switches are one peer";
  EXPECT_FALSE(facts.nvlinks[0].gpu.has_value());
  EXPECT_EQ(facts.nvlinks[0].bytes_per_s, 18u * 26'562'000'000) << "as the driver says, not as the version has it";
  EXPECT_EQ(nvml->opened, 1);
  EXPECT_EQ(nvml->closed, 1);
}

TEST(Nvml, FourGpusJoinedDirectly) {
  FakeLibrary nvml;
  four_joined_directly(nvml);
  nvml->gpus[2].links[0].state = 0;
  const std::vector<NvmlGpu> gpus = read_fake();
  ASSERT_EQ(gpus.size(), 4u);
  const std::vector<NvLinkPeer>& peers = gpus[2].facts.nvlinks;
  ASSERT_EQ(peers.size(), 3u);
  EXPECT_EQ(pci_text(*peers[0].gpu), "0000:12:00.0");
  EXPECT_EQ(peers[0].bytes_per_s, 75'000'000'000u) << "one of four links is down";
  EXPECT_EQ(pci_text(*peers[2].gpu), "0000:93:00.0");
  EXPECT_EQ(peers[2].bytes_per_s, 100'000'000'000u);
}

TEST(Nvml, RatesByGenerationAndVersion) {
  EXPECT_EQ(pcie_bytes_per_s(1, 16), 4'000'000'000u);
  EXPECT_EQ(pcie_bytes_per_s(3, 16), 15'753'846'153u);
  EXPECT_EQ(pcie_bytes_per_s(6, 16), 121'000'000'000u);
  EXPECT_EQ(pcie_bytes_per_s(5, 0), 0u);
  EXPECT_EQ(pcie_bytes_per_s(0, 16), 0u);
  EXPECT_EQ(pcie_bytes_per_s(7, 16), 0u) << "not known yet";
  EXPECT_EQ(pcie_bytes_per_s(4, 1u << 31), 0u);
  EXPECT_EQ(nvlink_bytes_per_s(0), 0u);
  EXPECT_EQ(nvlink_bytes_per_s(1), 20'000'000'000u);
  EXPECT_EQ(nvlink_bytes_per_s(6), 25'000'000'000u);
  EXPECT_EQ(nvlink_bytes_per_s(7), 50'000'000'000u);
  EXPECT_EQ(nvlink_bytes_per_s(8), 0u);
  EXPECT_EQ(nvlink_bytes_per_s(0xffffffff), 0u);
}

TEST(Nvml, WhatMakesNoSenseIsUnknown) {
  FakeLibrary nvml;
  nvml->count = 3;
  const std::string long_name(500, 'x');
  nvml->gpus[0] = {0, 1, long_name.c_str(), 99, 0, {}, 0, 0};
  nvml->gpus[1] = {0xffffffff, 2, "", 5, 4'000'000'000, {}, 18, 0};
  for (unsigned i = 0; i < 18; ++i)
    nvml->gpus[1].links[i] = {1, static_cast<int>(i % 4), i % 2 == 0 ? 300u : 9u, 99, 0};
  nvml->gpus[2].bus = 3;
  nvml->gpus[2].link_count = 18;
  for (test::FakeLink& link : nvml->gpus[2].links) link = {1, 2, 0, 0, 0xffffffff};
  const std::vector<NvmlGpu> gpus = read_fake();
  ASSERT_EQ(gpus.size(), 3u);
  EXPECT_EQ(gpus[0].facts.product, std::string(96, 'x'));
  EXPECT_EQ(gpus[0].facts.pcie_bytes_per_s, 0u);
  EXPECT_TRUE(gpus[0].facts.nvlinks.empty());
  EXPECT_EQ(pci_text(gpus[1].address), "ffffffff:02:00.0");
  EXPECT_EQ(gpus[1].facts.pcie_bytes_per_s, 0u);
  ASSERT_EQ(gpus[1].facts.nvlinks.size(), 1u) << "no GPU has bus 300, and types 1 and 3 are neither GPU nor switch";
  EXPECT_FALSE(gpus[1].facts.nvlinks[0].gpu.has_value());
  EXPECT_EQ(gpus[1].facts.nvlinks[0].bytes_per_s, 0u) << "nobody knows version 99";
  EXPECT_EQ(gpus[2].facts.nvlinks[0].bytes_per_s, 18 * 4'294'967'295'000'000u);
}

TEST(Nvml, AGpuThatCannotBeAskedIsNamedAndTheOthersCount) {
  FakeLibrary nvml;
  eight_at_switches(nvml);
  nvml->gpus[3].result = 15;
  nvml->gpus[5].bus = 300;
  std::string failure;
  EXPECT_EQ(read_nvml(COLL_FAKE_NVML, &failure).size(), 6u);
  EXPECT_EQ(failure, "GPU 3: error 15");
}

TEST(Nvml, CountsBeyondWhatThereIsEnd) {
  FakeLibrary nvml;
  eight_at_switches(nvml);
  nvml->count = 0xffffffff;
  std::string failure;
  EXPECT_EQ(read_nvml(COLL_FAKE_NVML, &failure).size(), 8u);
  EXPECT_EQ(failure, "GPU 8: error 2");
}

TEST(Nvml, AbsentIsNoFailure) {
  std::string failure;
  EXPECT_TRUE(read_nvml("libcoll-no-such-library.so.1", &failure).empty());
  EXPECT_EQ(failure, "");
}

TEST(Nvml, BrokenLibrariesSayHow) {
  const test::Directory folder;
  const std::string no_library = folder.path() / "libnvidia-ml.so.1";
  std::ofstream(no_library) << "no library\n";
  std::string failure;
  EXPECT_TRUE(read_nvml(no_library, &failure).empty());
  EXPECT_NE(failure.find(no_library), std::string::npos) << failure;

  failure.clear();
  EXPECT_TRUE(read_nvml(COLL_BARE_NVML, &failure).empty());
  EXPECT_EQ(failure, "it has no nvmlDeviceGetCount_v2");

  FakeLibrary nvml;
  nvml->init_result = 9;
  failure.clear();
  EXPECT_TRUE(read_nvml(COLL_FAKE_NVML, &failure).empty());
  EXPECT_EQ(failure, "nvmlInit_v2: Driver Not Loaded");
  EXPECT_EQ(nvml->closed, 0) << "what was not opened is not closed";
}

}  // namespace
}  // namespace coll::topo
