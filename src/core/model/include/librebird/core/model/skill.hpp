#pragma once

// Skills as a workspace has them: what is kept of them, and what is shown of them. Values; no thread rule.

#include <librebird/base/clock.hpp>
#include <librebird/core/model/tool.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace librebird {

// One installed state of a skill's folder.
struct SkillVersion {
  std::string hash;        // SHA-256 of the folder's content, hex; its name on disk
  std::string version;     // as its manifest says
  std::string kind;        // "skill.json" or "SKILL.md"
  std::string manifest;    // that file's text; empty where only the current version's is read
  std::string tools_json;  // what the program answered when asked for its tools; empty: it was not asked
  std::string origin;      // "folder:/path", "archive:name", "git:url#ref"
  std::string installed_by;
  UnixMillis installed_at = 0;
};

inline constexpr std::string_view kOfficialOrigin = "official";

struct InstalledSkill {
  std::string name;
  std::string origin;  // kOfficialOrigin, or where updates come from
  bool enabled = true;
  bool pinned = false;
  std::string current;               // hash; empty for official ones
  std::vector<std::string> granted;  // permissions beyond the manifest's
  UnixMillis created_at = 0;
  UnixMillis updated_at = 0;
  std::vector<SkillVersion> versions;  // newest first
};

struct SkillSettingValue {
  std::string skill;
  std::string name;
  std::string value_json;
};

// All of a workspace.
struct SkillShelf {
  std::vector<InstalledSkill> skills;  // by name
  std::vector<SkillSettingValue> settings;
};

struct SkillSettingInfo {
  SkillSetting setting;
  bool set = false;
  std::string value_json;  // never a secret's; the default when it is not set; may be empty
};

// What is shown of a skill.
struct SkillInfo {
  std::string name;
  std::string display_name;
  std::string description;
  std::string version;
  std::string author;
  std::string icon;
  std::string category;
  std::string runtime;
  std::string origin;
  std::string hash;
  bool enabled = true;
  bool pinned = false;
  std::vector<std::string> permissions;
  std::vector<std::string> tools;
  std::vector<SkillSettingInfo> settings;
  std::vector<std::string> missing_settings;  // required, and neither set nor defaulted: its tools say so
  std::vector<SkillVersion> versions;         // newest first; without manifest and tools
  std::string error;                          // why its tools are not offered; empty: they are, if it is enabled
  bool connectable = false;       // an MCP server on the web that a person can connect to
  bool needs_connection = false;  // its tools are not known yet: the server tells them to nobody it does not know
};

// What a person brings back from an authorization server.
struct ConnectionAnswer {
  std::string state;
  std::string code;
  std::string issuer;  // "iss"; empty: it did not say
};

// One person's connection to a skill's server. Never a token.
struct SkillConnection {
  std::string skill;
  bool connected = false;
  std::string server;          // its address
  std::string issuer;          // who gives the tokens; of a connection, as are the rest
  std::string scope;           // what was agreed to; may be empty
  UnixMillis expires_at = 0;   // of the access token, which is renewed before; 0: unknown
  std::string problem;         // connected, but the server's tools could not be taken over: why
};

}  // namespace librebird
