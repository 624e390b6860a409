#pragma once

// What the files that declare commands share.

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

#include "platform.hpp"

namespace librebird::apps {

struct Arguments {
  Flags flags;
  std::string name;
  std::string id;
  std::string json_arguments = "{}";
  std::string scope;
  std::string workspace;
  std::string anchor;
  std::string file;
  bool json = false;
  bool yes = false;  // the answer to whatever is asked
  bool lost_key = false;
  int limit = 100;
};

// A subcommand that works on a data folder.
CLI::App* command(CLI::App& parent, const std::string& name, const std::string& help, Flags& flags);
inline CLI::App* command(CLI::App& parent, const std::string& name, const std::string& help, Arguments& in) {
  return command(parent, name, help, in.flags);
}
// Runs a command that needs the database only.
int operate(const Flags& flags, const std::function<Task<int>(Platform&)>& command);

// Where people reach the server of this data folder: server.public_url, else the address at which it works, or worked
// last. No slash at the end.
std::string public_url(const Platform& platform);

// `audit ...` and `secret ...`.
void add_records(CLI::App& app, Arguments& in, int& code);

}  // namespace librebird::apps
