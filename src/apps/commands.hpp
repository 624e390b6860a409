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
  bool yes = false;
  bool lost_key = false;
  int limit = 100;
};

// A subcommand that works on a data folder.
CLI::App* command(CLI::App& parent, const std::string& name, const std::string& help, Arguments& in);
// Runs a command that needs the database only.
int operate(const Flags& flags, const std::function<Task<int>(Platform&)>& command);

// `audit ...` and `secret ...`.
void add_records(CLI::App& app, Arguments& in, int& code);

}  // namespace librebird::apps
