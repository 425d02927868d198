// Programs that a test starts and watches.
#pragma once

#include <string>
#include <vector>

namespace coll::test {

struct Command {
  std::vector<std::string> words;        // the program and its arguments
  std::vector<std::string> variables{};  // "NAME=value", beside the test's own
};

struct Ended {
  int exit_code = -1;  // -1: killed by a signal, or by us at the deadline
  int signal = 0;
  bool in_time = false;
  std::string output;  // stdout and stderr
};

// Starts all commands together and waits for all of them. Those that have not ended after `seconds` are killed.
std::vector<Ended> run_together(const std::vector<Command>& commands, double seconds);

// Names in /dev/shm that libcoll made and that stay there.
std::vector<std::string> left_in_shared_memory();

}  // namespace coll::test
