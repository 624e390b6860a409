// The attack suite against this plug-in: it needs nothing but the program that it starts.
#include <librebird/hands/sandbox/testkit/surroundings.hpp>

namespace librebird::sandbox_testkit {

Surroundings surroundings() {
  Surroundings around;
  around.sandbox = "bubblewrap";
  around.tool_directory = LIBREBIRD_TOOL_DIRECTORY;
  return around;
}

}  // namespace librebird::sandbox_testkit
