// The meeting point behind a unique id: one thread that lets the ranks in and relays their allgathers.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <vector>

#include "base/status.hpp"
#include "runtime/tcp_wire.hpp"

namespace coll::tcp {

// Ends when every rank has joined and left again; or, where they do not all come, some time after its deadline.
class Server {
 public:
  Server(Socket listener, const Secret& secret, int timeout_ms);
  void run();

 private:
  using Bytes = std::vector<std::byte>;
  enum class Stage {
    kHello,    // a stranger until its secret has come
    kIdle,     // a member that owes nothing: the header of an exchange may come
    kPayload,  // its part of the exchange is coming in
    kWaiting,  // has given its part
    kDone      // has been told the end of the story: whatever it still sends is ignored
  };
  struct Connection {
    Socket socket;
    Stage stage = Stage::kHello;
    int rank = -1;
    Clock::time_point deadline;  // of strangers and of those that are done
    Bytes head;                  // the Hello or Exchange that is coming in
    size_t payload_left = 0;
    std::list<std::shared_ptr<const Bytes>> out;
    size_t out_sent = 0;  // of the first of them
  };
  // What all members do together: joining first, then one exchange after the other.
  struct Round {
    size_t arrived = 0;
    std::vector<char> here;
    uint64_t bytes = 0;
    std::shared_ptr<Bytes> data;
    Clock::time_point deadline = Clock::time_point::max();
    int timeout_ms = 0;
  };

  bool finished() const;
  Clock::time_point next_deadline() const;
  void wait_and_serve();
  void accept_all();
  void receive(Connection& connection);
  bool receive_head(Connection& connection, size_t wanted);
  bool receive_payload(Connection& connection);
  static bool flush(Connection& connection);
  void hello(Connection& connection, const Hello& hello);
  void exchange(Connection& connection, const Exchange& exchange);
  void arrive(Connection& connection);
  void complete_round();
  void lose(Connection& connection);
  void expire();
  void fail(Status failure);
  void tell(Connection& connection, const Status& failure);
  void limit_round(uint32_t timeout_ms);
  std::string missing_ranks() const;
  static void answer(Connection& connection, collResult_t code, std::shared_ptr<const Bytes> bytes);

  Socket listener_;
  Secret secret_;
  Clock::time_point deadline_;
  Clock::time_point accept_after_{};  // not before: the process was out of descriptors
  int nranks_ = 0;                    // 0 until the first member has said it
  int first_rank_ = -1;               // who said it
  bool joined_ = false;
  size_t told_ = 0;  // members that know of the failure
  Status failure_;
  Clock::time_point linger_until_{};
  Round round_;
  std::vector<Connection*> members_;  // by rank; null where it has not come, or has left
  std::list<Connection> connections_;
};

}  // namespace coll::tcp
