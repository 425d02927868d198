// What the library that stands in for NVML answers; tests set it through the library's one variable.
#pragma once

namespace coll::test {

struct FakeLink {
  int state = 1;
  int type = 2;           // 0: a GPU, 2: a switch
  unsigned remote = 0;    // the other GPU's bus
  unsigned version = 0;   // as NVML numbers it
  unsigned speed_mb = 0;  // MB/s; 0: the driver does not tell
};

struct FakeGpu {
  unsigned domain = 0, bus = 0;
  const char* name = "Made-up GPU";
  unsigned generation = 5, lanes = 16;
  FakeLink links[18];
  unsigned link_count = 0;
  int result = 0;  // of asking for it
};

struct FakeNvml {
  int init_result = 0;
  unsigned count = 0;  // that it states
  FakeGpu gpus[8];
  int opened = 0, closed = 0;  // calls of nvmlInit_v2 and nvmlShutdown
};

}  // namespace coll::test
