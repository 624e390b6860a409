#pragma once

// Where the platform runs as root, tools in containers are nobody; what they may write must be nobody's.

#include <librebird/base/result.hpp>

#include <string>

namespace librebird::docker {

inline constexpr unsigned kNobody = 65534;

// Gives a folder (or file) that belongs to root, with what is in it, to nobody. Follows no link, leaves what others own
// alone, and does nothing where the folder itself is nobody's already. Blocks, once a folder.
// Errors: failed_precondition (a file that a tool cannot be given).
Status hand_over(const std::string& path);

}  // namespace librebird::docker
