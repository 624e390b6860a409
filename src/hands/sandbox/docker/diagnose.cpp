#include "diagnose.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

namespace librebird::docker {
namespace {

template <class... Args>
Error refuse(fmt::format_string<Args...> text, Args&&... args) {
  return make_error(Code::failed_precondition, fmt::format(text, std::forward<Args>(args)...));
}

bool is_podman(const std::string& socket) { return socket.find("podman") != std::string::npos; }

}  // namespace

Error unreachable(const std::string& socket, bool configured, const std::vector<std::string>& tried,
                  const Error& failure) {
  if (socket.empty() || failure.code == Code::not_found) {
    if (configured) {
      return refuse(
          "There is no container engine's socket at {}, so tools will not run. Start the engine (systemctl start "
          "docker, "
          "or systemctl start podman.socket), or correct sandbox.docker.socket.",
          tried.empty() ? socket : tried.front());
    }
    return refuse(
        "No container engine was found (looked at {}), so tools will not run. Start Docker (systemctl start docker) or "
        "Podman's service (systemctl start podman.socket; without root: systemctl --user start podman.socket), or name "
        "its socket in sandbox.docker.socket.",
        fmt::join(tried, ", "));
  }
  if (failure.code == Code::permission_denied) {
    if (is_podman(socket)) {
      return refuse(
          "The socket {} belongs to another user's Podman, so tools will not run. Use your own: systemctl --user start "
          "podman.socket, and leave sandbox.docker.socket empty.",
          socket);
    }
    return refuse(
        "This user may not open the socket {}, so tools will not run. Add it to the socket's group: usermod -aG docker "
        "USER (here {}), and log in again; or use rootless Podman: systemctl --user start podman.socket.",
        socket, getuid());
  }
  if (failure.code == Code::unavailable || failure.code == Code::deadline_exceeded) {
    return refuse(
        "The container engine at {} does not answer ({}), so tools will not run. Look at systemctl status docker (or "
        "podman.socket), and start it.",
        socket, failure.message);
  }
  return refuse("The container engine at {} cannot be used: {}", socket, failure.message);
}

Error image_missing(const std::string& image, const std::string& platform_image) {
  if (image == platform_image) {
    return refuse(
        "The sandbox's image {} is not there, so tools that need a system will not run. Make it, from Debian packages: "
        "deploy/sandbox/make-image; or name another in sandbox.docker.image.",
        image);
  }
  return refuse(
      "The image {} is not on this machine, and images are never fetched for a tool call. The operator loads it: "
      "docker "
      "pull {} (or podman pull).",
      image, image);
}

Error runtime_missing(const std::string& runtime, const EngineFacts& facts) {
  if (facts.podman) {
    return refuse(
        "The container engine does not know the runtime {}, so tools will not run. Install it (apt-get install {}) and "
        "add it to [engine.runtimes] in /etc/containers/containers.conf, or clear sandbox.docker.runtime.",
        runtime, runtime);
  }
  return refuse(
      "The container engine does not know the runtime {}, so tools will not run. Install it (gVisor: apt-get install "
      "runsc, then runsc install) and add it to \"runtimes\" in /etc/docker/daemon.json, then systemctl restart "
      "docker; "
      "or clear sandbox.docker.runtime.",
      runtime);
}

Error runtime_ignored(const std::string& runtime, const std::string& given) {
  return refuse(
      "The container engine gave the runtime {} where {} was asked for, so the tool did not run. This version of "
      "Podman "
      "cannot choose it for one container: make it the default (runtime = \"{}\" below [engine] in "
      "/etc/containers/containers.conf) and restart podman.socket.",
      given.empty() ? "of its choice" : given, runtime, runtime);
}

Status capable(const EngineFacts& facts) {
  std::vector<const char*> missing;
  if (!facts.limits_memory) missing.push_back("memory");
  if (!facts.limits_processor) missing.push_back("processor time");
  if (!facts.limits_processes) missing.push_back("the number of processes");
  if (!missing.empty()) {
    return refuse(
        "The container engine cannot limit {} on this machine, so tools will not run. It needs the control groups: use "
        "cgroup v2 (kernel command line systemd.unified_cgroup_hierarchy=1){}.",
        fmt::join(missing, ", "),
        facts.rootless
            ? ", and delegate them to this user: systemctl edit user@.service, [Service] Delegate=cpu memory "
              "pids, then log in again"
            : " or mount the v1 controllers cpu, memory and pids");
  }
  if (facts.rootless && !facts.podman) {
    return refuse(
        "Rootless Docker cannot give a tool this user's own files without making it root inside, so tools will not "
        "run. "
        "Use rootless Podman (systemctl --user start podman.socket), Docker as a system service, or the "
        "sandbox that needs no engine.");
  }
  return Ok{};
}

Error tool_missing() {
  return refuse(
      "The program librebird-tool is missing beside the program, so tools will not run; reinstall, or build the target "
      "librebird-tool.");
}

Error not_contained(const Error& failure) {
  const std::string& said = failure.message;
  const auto mentions = [&said](const char* words) { return said.find(words) != std::string::npos; };
  if (failure.code == Code::cancelled) return failure;
  if (mentions("seccomp")) {
    return refuse("The container engine did not take our system-call filter, so the tool did not run: {}", said);
  }
  if (mentions("executable file not found") || mentions("exec format") || mentions("no such file")) {
    return refuse("The container could not begin, so the tool did not run: {}", said);
  }
  return make_error(failure.code == Code::not_found ? Code::failed_precondition : failure.code, said);
}

}  // namespace librebird::docker
