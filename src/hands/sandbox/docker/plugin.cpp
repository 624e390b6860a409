// The plug-in `docker` of kind sandbox.
#include "docker_sandbox.hpp"

#include <librebird/hands/runner/locate.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <cstdlib>

namespace librebird::plugins {
namespace {

constexpr const char* kSocketKey = "sandbox.docker.socket";
constexpr const char* kImageKey = "sandbox.docker.image";
constexpr const char* kRuntimeKey = "sandbox.docker.runtime";

// Rootless before the system's: the less powerful engine.
std::vector<std::string> usual_sockets() {
  std::vector<std::string> sockets;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string own = runtime != nullptr && *runtime == '/' ? runtime : fmt::format("/run/user/{}", getuid());
  if (getuid() != 0) sockets.push_back(own + "/podman/podman.sock");
  sockets.emplace_back("/run/docker.sock");
  sockets.emplace_back("/run/podman/podman.sock");
  return sockets;
}

Result<std::unique_ptr<Sandbox>> create(const SandboxContext& context) {
  docker::Settings settings;
  std::string socket = context.config.text(kSocketKey);
  if (socket.starts_with("unix://")) socket.erase(0, 7);
  settings.configured = !socket.empty();
  settings.sockets = settings.configured ? std::vector{socket} : usual_sockets();
  settings.image = context.config.text(kImageKey);
  settings.runtime = context.config.text(kRuntimeKey);
  settings.tool = hands::runner::find_runner("", context.tool_directory);
  if (settings.configured && !socket.starts_with('/')) {
    return make_error(Code::invalid_argument,
                      "sandbox.docker.socket must be the absolute path of a Unix socket; engines on other machines are "
                      "not used, because a tool's files would have to go there.");
  }
  return std::unique_ptr<Sandbox>(std::make_unique<docker::DockerSandbox>(context.executor, std::move(settings)));
}

}  // namespace

SandboxPlugin sandbox_docker() {
  SandboxPlugin plugin;
  plugin.manifest.name = "docker";
  plugin.manifest.description = "Containers of Docker or Podman, over the engine's socket.";
  plugin.manifest.config = {
      {.name = kSocketKey,
       .type = ConfigType::text,
       .default_value = std::string(),
       .env = "DOCKER_HOST",
       .help = "Path of the engine's Unix socket (or unix://PATH); empty: the usual places of Podman and Docker."},
      {.name = kImageKey,
       .type = ConfigType::text,
       .default_value = std::string("localhost/librebird-sandbox:latest"),
       .help = "Image for tools that need a system; made by deploy/sandbox/make-image."},
      {.name = kRuntimeKey,
       .type = ConfigType::text,
       .default_value = std::string(),
       .help = "OCI runtime to insist on, for instance runsc (gVisor); empty: the engine's own."}};
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
