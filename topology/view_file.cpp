// A view written to a file, by the ending of its name.
#include <cerrno>
#include <cstring>
#include <fstream>

#include "topology/views.hpp"

namespace coll::topo {

Status write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file) return {collSystemError, text("cannot write ", path, ": ", std::strerror(errno))};
  return {};
}

Status write_view(const Topology& topology, size_t node, const std::string& path) {
  std::string view;
  if (path.ends_with(".txt")) {
    view = to_text(topology);
  } else if (path.ends_with(".json")) {
    view = to_json(topology) + "\n";
  } else if (path.ends_with(".xml")) {
    view = to_xml(topology, node);
  } else if (path.ends_with(".svg")) {
    view = to_svg(topology);
  } else {
    return {collInvalidArgument,
            text("a topology is not written as ", path, ": its name must end in .txt, .json, .xml or .svg")};
  }
  return write_file(path, view);
}

}  // namespace coll::topo
