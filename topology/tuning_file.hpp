// The tuning file: what coll_tune measured on a machine, as JSON. Its name tells the machine, its content too.
#pragma once

#include <string>
#include <string_view>

#include "base/status.hpp"
#include "topology/tuning.hpp"

namespace coll::topo {

inline constexpr int kTuningFormat = 2;

// What a file's figures hold for.
struct MachineId {
  std::string libcoll;  // "0.1.0": kernels change with versions
  std::string cpu;      // the model's name
  std::string isa;      // the kernels' instruction set
};
MachineId this_machine();

struct TuningFile {
  MachineId machine;
  std::string host;  // where and when it was measured, for people
  std::string measured;
  int nodes = 0;
  int ranks = 0;
  LinkOverrides links;  // of the kinds that could be measured
  Rates rates;
};

std::string tuning_json(const TuningFile& file);
// collInvalidArgument says what is wrong: no JSON, another format or version, a figure that is no positive number.
Status parse_tuning(std::string_view json, TuningFile* file);

// Where this machine's file lies; "" where there is neither XDG_CACHE_HOME nor HOME.
std::string tuning_path(const MachineId& machine);
// Reads a file; the path is part of the words of a failure.
Status read_tuning(const std::string& path, TuningFile* file);
// Makes the folder, writes beside the file and renames, so that nobody reads half of it.
Status write_tuning(const std::string& path, const TuningFile& file);

// The file that COLL_TUNING_FILE=`choice` asks for: "none" is none, "" this machine's own where there is one. What is
// wrong with the own file is a warning, with one that was named Tuning::refused. *path is "" where none is in use.
void load_tuning(const std::string& choice, Tuning* tuning, std::string* path, std::string* warning);

}  // namespace coll::topo
