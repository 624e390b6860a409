#include "local_hands.hpp"

#include <librebird/hands/hands.hpp>
#include <librebird/skills/catalog.hpp>

namespace librebird::apps {

Result<std::unique_ptr<HandsService>> make_local_hands(Platform& platform) {
  LB_TRY(skills, skills::official_skills());
  return make_hands({platform.loop, platform.config, platform.clock, platform.ids, platform.storage->audit(),
                     platform.storage->approvals(), platform.storage->quotas(), *platform.http, std::move(skills),
                     platform.data_dir, executable_directory(), &platform.storage->skills(),
                     &platform.storage->secrets()});
}

}  // namespace librebird::apps
