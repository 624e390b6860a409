#pragma once

// PersonKeeper on a data folder. All that is borrowed outlives it.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/person_keeper.hpp>
#include <librebird/core/ports/stores.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace librebird::storage {

struct PersonKeeperParts {
  const Clock& clock;
  IdGenerator& ids;
  PersonStore& persons;
  AccountStore& accounts;
  IdentityStore& identities;
  AuditStore& audit;
  std::string data_dir;
  std::string program;            // version
  std::function<Status()> scrub;  // after rows were erased: their bytes as well; blocking
  std::uint64_t upload_limit = 0;  // bytes of an archive that arrives
  bool sweep = false;  // this is the server of the folder: archives that another left are of no use
};

std::unique_ptr<PersonKeeper> make_person_keeper(PersonKeeperParts parts);

}  // namespace librebird::storage
