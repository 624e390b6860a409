#pragma once

#include <memory>

#include "platform.hpp"

namespace librebird::apps {

// The hands in this process, on the platform's storage.
Result<std::unique_ptr<HandsService>> make_local_hands(Platform& platform);

}  // namespace librebird::apps
