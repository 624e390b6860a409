#pragma once

// A client of docs/protocol.md: applies the events of one turn by the rules there, and no others.

#include <librebird/gateway/catch_up.hpp>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <string>

namespace librebird::gateway::testkit {

class ProtocolClient {
 public:
  void apply(const std::string& text) {
    const auto event = boost::json::parse(text).as_object();
    const std::string type(event.at("type").as_string());
    if (!type.starts_with("turn.") && !type.starts_with("tool.")) return;
    const std::string turn(event.at("turn_id").as_string());
    const int attempt = static_cast<int>(event.at("attempt").to_number<int>());
    const auto seq = event.at("seq").to_number<std::uint64_t>();
    if (type == "turn.snapshot") {
      parts = event.at("parts").as_array();
      questions = event.at("approvals").as_array();
      cursor = Cursor{turn, attempt, seq};
      return;
    }
    if (type == "turn.started" && (!cursor || cursor->turn_id != turn || attempt > cursor->attempt)) {
      EXPECT_EQ(seq, 1U);
      parts.clear();
      cursor = Cursor{turn, attempt, seq};
      return;
    }
    // It brings the whole answer, so it needs nothing held before it. What is held is kept when it is the next: tests
    // compare it with the answer.
    const bool next = cursor && cursor->turn_id == turn && cursor->attempt == attempt && seq == cursor->seq + 1;
    if (type == "turn.finished" && !next && !finished) {
      if (event.at("message").is_object()) parts = event.at("message").at("parts").as_array();
      cursor = Cursor{turn, attempt, seq};
      end(event);
      return;
    }
    if (!cursor || cursor->turn_id != turn || cursor->attempt != attempt) {
      ++strangers;
      return;
    }
    if (seq <= cursor->seq) {
      ++repeated;
      return;
    }
    EXPECT_EQ(seq, cursor->seq + 1) << "a gap: " << text.substr(0, 200);
    if (seq != cursor->seq + 1) return;
    cursor->seq = seq;
    if (type == "turn.delta") {
      if (parts.empty() || parts.back().at("type").as_string() != "text") {
        parts.push_back({{"type", "text"}, {"text", ""}});
      }
      auto& held = parts.back().as_object()["text"].as_string();
      held.append(event.at("text").as_string());
    } else if (type == "turn.tool_call") {
      parts.push_back({{"type", "tool_call"}, {"call", event.at("call")}});
    } else if (type == "turn.tool_result") {
      for (auto& part : parts) {
        auto& object = part.as_object();
        if (object.contains("call") && object["call"].at("id") == event.at("call").at("id")) {
          object["call"] = event.at("call");
        }
      }
    } else if (type == "tool.approval") {
      const auto& approval = event.at("approval");
      for (auto known = questions.begin(); known != questions.end();) {
        known = known->at("id") == approval.at("id") ? questions.erase(known) : known + 1;
      }
      if (approval.at("state").as_string() == "open") questions.push_back(approval);
    } else if (type == "turn.finished") {
      end(event);
    }
  }
  [[nodiscard]] std::string shown() const { return boost::json::serialize(parts); }

  std::optional<Cursor> cursor;
  boost::json::array parts;
  boost::json::array questions;  // open ones
  boost::json::value message;
  std::string status;
  bool finished = false;
  int repeated = 0;
  int strangers = 0;

 private:
  void end(const boost::json::object& event) {
    finished = true;
    message = event.at("message");
    status = std::string(event.at("turn").at("status").as_string());
  }
};

}  // namespace librebird::gateway::testkit
