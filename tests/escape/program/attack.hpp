#pragma once

// A hostile program's attacks. Each tries one way out of the sandbox, from inside, and says whether it got anywhere.
// What the attacker is told (where the victim's files are, on which port the host listens) comes as facts: containment
// must hold although he knows.

#include <map>
#include <span>
#include <string>
#include <string_view>

namespace escape {

using Facts = std::map<std::string, std::string, std::less<>>;

struct Finding {
  bool breached = false;
  std::string detail;
};

inline Finding held(std::string detail = {}) { return {false, std::move(detail)}; }
inline Finding breach(std::string detail) { return {true, std::move(detail)}; }

struct Attack {
  std::string_view name;
  std::string_view about;  // one line for the results table
  Finding (*run)(const Facts& facts);
};

std::span<const Attack> file_attacks();
std::span<const Attack> kernel_attacks();
std::span<const Attack> process_attacks();
std::span<const Attack> network_attacks();
std::span<const Attack> flood_attacks();
std::span<const Attack> secret_attacks();

// The fact's value; empty if the attacker was not told.
std::string fact(const Facts& facts, std::string_view name);
std::string reason();                                  // what errno says
std::string read_start(const std::string& path);       // the first bytes of a file; empty: not readable
bool can_write(const std::string& path);               // makes or opens it for writing

}  // namespace escape
