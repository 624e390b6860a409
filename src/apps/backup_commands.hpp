#pragma once

#include "commands.hpp"

namespace librebird::apps {

struct BackupArguments {
  Flags flags;
  std::string file;
  bool with_key = false;
  bool force = false;
  bool replace_database = false;
  bool json = false;
};

// An archive, or the database in use. The exit code.
int verify(const BackupArguments& in);
// `backup`, `restore`, `verify`.
void add_backup_commands(CLI::App& app, BackupArguments& in, int& code);

}  // namespace librebird::apps
