#pragma once

// The part between clone and exec. It runs in our memory (CLONE_VM) while we stand still: only system calls on data
// prepared beforehand are allowed there.

#include <librebird/base/process/process.hpp>

namespace librebird::process {

struct Spawned {
  int pid = -1;
  Fd pidfd;
};

Result<Spawned> spawn(const SpawnOptions& options);

}  // namespace librebird::process
