#pragma once

// What we say to a container engine: the Docker Engine API, version 1.41 (Docker 20.10 and later), which Podman 4 and
// later speak too on a socket of their own. One connection a call; every call has a deadline.
// Thread rule: loop only. Errors: as UnixConnection, not_found (image, container), already_exists (409),
// failed_precondition (the engine refused: its own words), internal (it failed: its own words), data_loss.

#include "unix_connection.hpp"

#include <librebird/core/ports/sandbox.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::docker {

struct EngineFacts {
  bool podman = false;
  bool rootless = false;
  bool limits_memory = false;
  bool limits_processor = false;
  bool limits_processes = false;
  std::string version;
  std::string default_runtime;
  std::vector<std::string> runtimes;
};

struct ImageFacts {
  std::string id;
  std::vector<std::string> command;  // entrypoint and arguments
  std::string work_directory;
  bool has_volumes = false;
};

struct ContainerFacts {
  std::string id;
  std::string owner;  // the value of our label
  bool running = false;
};

class Engine {
 public:
  Engine(Executor executor, std::string socket);

  Task<Result<EngineFacts>> facts(std::stop_token stop);
  Task<Result<ImageFacts>> image(std::string name, std::stop_token stop);
  // Makes an image of one layer, the tar archive.
  Task<Status> import_image(std::string name, std::string tag, std::string tar, std::stop_token stop);
  // The new container's id.
  Task<Result<std::string>> create(std::string body_json, std::stop_token stop);
  // The streams of a container: what we queue is its standard input; what comes is multiplexed. `first`: what has
  // already come.
  struct Attached {
    UnixConnection connection;
    std::string first;
  };
  Task<Result<std::unique_ptr<Attached>>> attach(std::string id, std::stop_token stop);
  Task<Status> start(std::string id, std::stop_token stop);
  // The OCI runtime that the container was really given.
  Task<Result<std::string>> runtime_of(std::string id, bool podman, std::stop_token stop);
  // Both are content when it is gone already.
  Task<Status> kill(std::string id);
  Task<Status> remove(std::string id);
  Task<Result<std::vector<ContainerFacts>>> list(std::string label);

  [[nodiscard]] const std::string& socket() const { return socket_; }

 private:
  struct Answer {
    int status = 0;
    std::string body;
  };
  Task<Result<Answer>> ask(std::string method, std::string target, std::string body, Millis limit,
                           std::stop_token stop);

  Executor executor_;
  std::string socket_;
};

}  // namespace librebird::docker
