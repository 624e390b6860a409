#pragma once

// What a tools/call result of MCP (specification 2025-06-18, server/tools, "Tool Result") is as one JSON value.

#include <boost/json/value.hpp>

#include <string>

namespace librebird::runner {

struct CallOutcome {
  bool failed = false;
  std::string message;  // when it failed
  boost::json::value value;
};

// - isError: the texts are the message.
// - structuredContent is the value; content that is not text stands beside it.
// - One text is the value: the JSON it spells if that is an object or a list, else the text itself.
// - Anything else is {"content": [...]}, images and resources as the server wrote them.
CallOutcome outcome_of(const boost::json::object& result);

// As boost::json::serialize, but 409.5 where that writes 4.095E2: models and people read it.
void write_json(std::string& out, const boost::json::value& value);

}  // namespace librebird::runner
