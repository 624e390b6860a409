#pragma once

// A container engine for tests: Podman's service with storage, state and socket in a temporary folder, ended with the
// test. Started once a process. Everything it needs comes from Debian packages; nothing is fetched.

#include <string>
#include <vector>

namespace librebird::docker {

class EngineService {
 public:
  // The one of this process; aborts the test program, saying why, if it cannot be started.
  static const EngineService& shared();
  // `runtime`: the OCI runtime it uses by default.
  explicit EngineService(const std::string& runtime);
  ~EngineService();
  EngineService(const EngineService&) = delete;
  EngineService& operator=(const EngineService&) = delete;

  [[nodiscard]] const std::string& socket() const { return socket_; }
  // A small image with a system of this machine's files: what tools with `system` run in.
  [[nodiscard]] std::string system_image() const { return "localhost/librebird-sandbox:test"; }
  // All containers there are, running or not, by id.
  [[nodiscard]] std::vector<std::string> containers() const;
  // What its own command line answers to these words; the exit code is in the last line.
  [[nodiscard]] std::string command(const std::string& words) const;

 private:
  std::string folder_;
  std::string socket_;
  int pid_ = -1;
};

}  // namespace librebird::docker
