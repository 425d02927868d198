// The stand-in for NVML as tests use it, and machines whose GPUs it tells of.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "fake_nvml.hpp"
#include "topology/topology.hpp"

namespace coll::test {

// Held open, so that what is opened again by its name is the same one.
class FakeLibrary {
 public:
  FakeLibrary() : library_(::dlopen(COLL_FAKE_NVML, RTLD_NOW)) {
    EXPECT_NE(library_, nullptr) << ::dlerror();
    if (library_ != nullptr) nvml_ = static_cast<FakeNvml*>(::dlsym(library_, "fake_nvml"));
    forget();
  }
  ~FakeLibrary() { ::dlclose(library_); }
  FakeLibrary(const FakeLibrary&) = delete;
  FakeLibrary& operator=(const FakeLibrary&) = delete;
  FakeNvml* operator->() { return nvml_; }
  void forget() { *nvml_ = FakeNvml(); }

 private:
  void* library_;
  FakeNvml* nvml_ = nullptr;
};

// One GPU at each bus, without links.
inline void name_gpus(FakeLibrary& nvml, std::initializer_list<unsigned> buses, const char* product) {
  nvml.forget();
  for (const unsigned bus : buses) {
    FakeGpu& gpu = nvml->gpus[nvml->count++];
    gpu.bus = bus;
    gpu.name = product;
  }
}

// The GPUs of server_8_gpus.xml, each with 18 links to switches, whose rate the driver tells.
inline void eight_at_switches(FakeLibrary& nvml) {
  name_gpus(nvml, {0x14, 0x24, 0x34, 0x44, 0x94, 0xa4, 0xb4, 0xc4}, "NVIDIA H200");
  for (unsigned i = 0; i < nvml->count; ++i) {
    FakeGpu& gpu = nvml->gpus[i];
    gpu.link_count = 18;
    for (FakeLink& link : gpu.links) link = {1, 2, 0, 7, 26562};
  }
}

// The GPUs of server_4_gpus.xml, each with four links to each other one, of which the version alone is known.
inline void four_joined_directly(FakeLibrary& nvml) {
  name_gpus(nvml, {0x12, 0x13, 0x92, 0x93}, "NVIDIA A100-SXM4-80GB");
  for (unsigned i = 0; i < nvml->count; ++i) {
    FakeGpu& gpu = nvml->gpus[i];
    gpu.generation = 4;
    for (unsigned j = 0; j < nvml->count; ++j) {
      const unsigned bus = nvml->gpus[j].bus;
      for (int link = 0; j != i && link < 4; ++link) gpu.links[gpu.link_count++] = {1, 0, bus, 5, 0};
    }
  }
}

}  // namespace coll::test
