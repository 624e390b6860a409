#pragma once

// Names this process, so that another one on the same machine can tell later whether it is still there. Blocking
// reads of /proc; private.

#include <string>
#include <string_view>

namespace librebird::storage {

[[nodiscard]] std::string this_instance();

enum class Life { alive, gone, unknown };  // unknown: of another machine or container

[[nodiscard]] Life life_of(std::string_view instance);

}  // namespace librebird::storage
