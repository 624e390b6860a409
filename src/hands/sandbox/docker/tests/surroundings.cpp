// The attack suite against this plug-in, with a container engine of its own for the length of the test.
#include "engine_service.hpp"

#include <librebird/hands/sandbox/testkit/surroundings.hpp>

#include <cstdlib>
#include <string>

namespace librebird::sandbox_testkit {

Surroundings surroundings() {
  Surroundings around;
  around.sandbox = "docker";
  around.tool_directory = LIBREBIRD_TOOL_DIRECTORY;
  around.image_root = true;
  // Another engine than our own, for instance a real Docker with the sandbox's image in it.
  if (const char* socket = std::getenv("LIBREBIRD_TEST_ENGINE"); socket != nullptr) {
    around.settings = {{"sandbox.docker.socket", std::string(socket)}};
    return around;
  }
  const docker::EngineService& engine = docker::EngineService::shared();
  around.settings = {{"sandbox.docker.socket", engine.socket()}, {"sandbox.docker.image", engine.system_image()}};
  return around;
}

}  // namespace librebird::sandbox_testkit
