// Ranks that are threads, in two packages of a node: a file describes the machine so, and each thread is bound to one
// of two hardware threads while its communicator is made.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/config.hpp"
#include "tests/support/directory.hpp"
#include "topology/views.hpp"

namespace coll::test {

class TwoPackages {
 public:
  TwoPackages() {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
    for (int pu = 0; pu < CPU_SETSIZE; ++pu) {
      if (CPU_ISSET(static_cast<size_t>(pu), &allowed)) pus_.push_back(pu);
    }
    if (!possible()) return;
    pus_ = {pus_.front(), pus_.back()};
    topo::Topology one = topo::synthetic({2});
    topo::Node& node = one.nodes[0];
    node.packages = node.numa_nodes = 2;
    for (int i = 0; i < 2; ++i) {
      node.domains.push_back({i, i, size_t{1} << 30, {{pus_[static_cast<size_t>(i)], 1, 1, 1, 1}}});
    }
    std::ofstream(file_) << topo::to_xml(one, 0);
  }

  // Whether there are two hardware threads to bind to.
  bool possible() const { return pus_.size() >= 2; }

  // For WorldOptions::edit: every other rank is in the second package.
  void place(int rank, Config& config) const {
    config.env.topo_file = file_;
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(static_cast<size_t>(pus_[static_cast<size_t>(rank) % 2]), &mask);
    ASSERT_EQ(sched_setaffinity(0, sizeof(mask), &mask), 0);
  }

 private:
  Directory folder_;
  std::string file_ = folder_.path() / "two_packages.xml";
  std::vector<int> pus_;
};

}  // namespace coll::test
