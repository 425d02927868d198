#include "tests/fault/processes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

extern char** environ;

namespace coll::test {

namespace {

using Clock = std::chrono::steady_clock;

struct Running {
  pid_t pid = -1;
  int pipe = -1;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

Running start(Command command) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  // Later entries of a name lose, so the command's own come first.
  std::vector<char*> environment = pointers(command.variables);
  environment.pop_back();
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  environment.push_back(nullptr);
  Running running{-1, ends[0]};
  std::vector<char*> words = pointers(command.words);
  if (::posix_spawn(&running.pid, words[0], &actions, nullptr, words.data(), environment.data()) != 0) running.pid = -1;
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  return running;
}

// Reads until the program's end of the pipe is closed.
void watch(const Running& running, Clock::time_point deadline, Ended* ended) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd readable{running.pipe, POLLIN, 0};
    if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left)) <= 0) return;
    char bytes[4096];
    const ssize_t got = ::read(running.pipe, bytes, sizeof bytes);
    if (got <= 0) break;
    ended->output.append(bytes, static_cast<size_t>(got));
  }
  ended->in_time = true;
}

void collect(const Running& running, Ended* ended) {
  if (running.pid > 0) {
    if (!ended->in_time) ::kill(running.pid, SIGKILL);
    int status = 0;
    ::waitpid(running.pid, &status, 0);
    if (WIFEXITED(status)) ended->exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) ended->signal = WTERMSIG(status);
  }
  ::close(running.pipe);
}

std::vector<std::string> shared_names() {
  std::vector<std::string> names;
  DIR* directory = ::opendir("/dev/shm");
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name.starts_with("libcoll")) names.push_back(name);
  }
  ::closedir(directory);
  return names;
}

}  // namespace

std::vector<Ended> run_together(const std::vector<Command>& commands, double seconds) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  std::vector<Running> running;
  for (const Command& command : commands) running.push_back(start(command));
  std::vector<Ended> ended(commands.size());
  for (size_t i = 0; i < running.size(); ++i) watch(running[i], deadline, &ended[i]);
  for (size_t i = 0; i < running.size(); ++i) collect(running[i], &ended[i]);
  return ended;
}

std::vector<std::string> left_in_shared_memory() {
  constexpr int kLooks = 10;  // others who are making a communicator have a file there for a moment
  std::vector<std::string> left = shared_names();
  for (int look = 0; look < kLooks && !left.empty(); ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const std::vector<std::string> now = shared_names();
    std::erase_if(left, [&](const std::string& name) { return std::find(now.begin(), now.end(), name) == now.end(); });
  }
  return left;
}

}  // namespace coll::test
