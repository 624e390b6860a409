#pragma once

// Whose container is it? A label that says which process of which start of which machine made it, so that what a killed
// platform left behind is told from what another one is running now.

#include <string>
#include <string_view>

namespace librebird::docker {

// Ours: "boot id/process namespace/process/its start".
std::string this_owner();

enum class Owner { alive, gone, elsewhere };
// `elsewhere`: a process namespace that is not ours; its processes cannot be looked up.
Owner look_up(std::string_view owner);

}  // namespace librebird::docker
