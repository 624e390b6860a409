#pragma once

// Joins TCP connections on 127.0.0.1 inside a sandbox to the egress fence's Unix socket: bytes both ways, half-closes
// included. One thread, epoll, bounded: connections over the limit wait in the listen queue, a side that does not read
// stops the other.

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace librebird::runner {

class Joiner {
 public:
  explicit Joiner(std::string path);
  ~Joiner();
  Joiner(const Joiner&) = delete;
  Joiner& operator=(const Joiner&) = delete;

  // Port 0: nothing to listen for. False with errno set if it cannot.
  bool start(int port);
  [[nodiscard]] int epoll() const { return epoll_; }
  void handle(const epoll_event& event);
  // Frees the connections that ended; after a round of events, so that none of them names a freed one.
  void sweep();

 private:
  struct Pair;
  void accept_all();
  void listen_while_room();
  void add(int client);
  void pump(Pair& pair);

  std::string path_;
  int epoll_ = -1;
  int listener_ = -1;
  bool listening_ = false;
  std::unordered_map<int, Pair*> by_fd_;
  std::unordered_map<Pair*, std::unique_ptr<Pair>> pairs_;
  std::vector<Pair*> ended_;
};

}  // namespace librebird::runner
