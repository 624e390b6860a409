#include "load.hpp"
#include "websocket.hpp"

#include <cstdio>
#include <memory>

namespace librebird::bench {

namespace {

// A conversation is left after so many turns: an ever longer history would measure the history.
constexpr int kTurnsPerConversation = 20;

// One person: has conversations, asks, waits for the answer, asks again.
class Person {
 public:
  Person(const Target& target, int conversations) : socket(target.address, target.key) {
    for (int i = 0; i < conversations; ++i) conversations_.push_back(create_conversation(target));
  }

  // The next frame to send: another conversation first, when it is time.
  void next(const std::string& message) {
    if (turns_ % kTurnsPerConversation == 0 && !subscribed_) {
      current_ = static_cast<std::size_t>(turns_ / kTurnsPerConversation) % conversations_.size();
      socket.send(subscribe_frame(conversations_[current_]));
      return;
    }
    subscribed_ = false;
    ++turns_;
    turn_.clear();
    finished_early_.clear();
    sent = now();
    socket.send(send_frame(conversations_[current_], message));
  }

  void subscribed() { subscribed_ = true; }
  void accepted(std::string turn) { turn_ = std::move(turn); }
  // Is this the end of what was asked, and not of an older turn that a subscription begins with? The answer may
  // overtake the acknowledgement.
  [[nodiscard]] bool finished(const std::string& turn) {
    if (turn_.empty()) finished_early_ = turn;
    return sent != 0 && turn == turn_;
  }
  [[nodiscard]] bool finished_before_accepted() const { return sent != 0 && turn_ == finished_early_; }

  WebSocket socket;
  Nanos sent = 0;
  Nanos tool_began = 0;

 private:
  std::string turn_, finished_early_;
  std::vector<std::string> conversations_;
  std::size_t current_ = 0;
  int turns_ = 0;
  bool subscribed_ = false;
};

struct Tally {
  std::vector<Nanos> turns, accepted, tools;
  std::vector<Nanos> tool_reported;  // duration_ms as the server says
  int errors = 0;
  std::string first_error;

  void fault(std::string_view what) {
    if (errors++ == 0) first_error = std::string(what.substr(0, 300));
  }
};

void finish(Person& person, const std::string& message, Tally& tally) {
  tally.turns.push_back(now() - person.sent);
  person.sent = 0;
  person.next(message);
}

// One frame of the server; asks again when a turn is over.
void understand(Person& person, std::string_view frame, const std::string& message, Tally& tally) {
  const std::string type = json_string(frame, "type");
  if (type == "turn.delta" || type.starts_with("message.") || type.starts_with("conversation.")) return;
  if (type == "hello") {
    person.next(message);
  } else if (type == "subscribed") {
    person.subscribed();
    person.next(message);
  } else if (type == "accepted") {
    tally.accepted.push_back(now() - person.sent);
    person.accepted(json_string(frame, "id", frame.find(R"("turn":{)")));
    if (person.finished_before_accepted()) finish(person, message, tally);
  } else if (type == "turn.tool_call") {
    person.tool_began = now();
  } else if (type == "turn.tool_result") {
    tally.tools.push_back(now() - person.tool_began);
    tally.tool_reported.push_back(json_number(frame, "duration_ms", 0) * 1'000'000);
    if (frame.find(R"("status":"ok")") == frame.npos) tally.fault(frame);
  } else if (type == "turn.finished" && person.finished(json_string(frame, "turn_id"))) {
    if (frame.find(R"("status":"done")") == frame.npos) tally.fault(frame);
    finish(person, message, tally);
  } else if (type == "error") {
    tally.fault(frame);
    person.next(message);
  }
}

}  // namespace

int load_turns(const Target& target, int clients, Nanos duration, const std::string& message) {
  const int conversations = 1 + static_cast<int>(duration / 1'000'000'000) * 3;
  Poller poller;
  std::vector<std::unique_ptr<Person>> people;
  for (int i = 0; i < clients; ++i) people.push_back(std::make_unique<Person>(target, conversations));
  Tally tally;
  const auto serve = [&](Person& person) {
    if (!person.socket.advance()) die("a connection ended: " + person.socket.problem() + " " + tally.first_error);
    while (const auto frame = person.socket.text()) understand(person, *frame, message, tally);
    if (!person.socket.problem().empty()) die(person.socket.problem() + " " + tally.first_error);
  };
  for (const auto& person : people) {
    poller.add(person->socket.fd(), person.get());
    serve(*person);  // the greeting may have come already
  }
  // The first second warms up connections and caches.
  const Nanos warm = now() + 1'000'000'000;
  bool measuring = false;
  Nanos began = now();
  while (!measuring || now() - began < duration) {
    if (!measuring && now() >= warm) {
      const int errors = tally.errors;
      const std::string first = tally.first_error;
      tally = Tally{.errors = errors, .first_error = first};
      measuring = true;
      began = now();
    }
    poller.wait(50'000'000, [&](void* owner, std::uint32_t) { serve(*static_cast<Person*>(owner)); });
  }
  const double seconds = static_cast<double>(now() - began) / 1e9;
  if (tally.errors > 0) std::fprintf(stderr, "bench: first error: %s\n", tally.first_error.c_str());
  std::printf(R"({"clients":%d,"turns_per_second":%.1f,"latency":%s,"accepted":%s,"tool_call":%s,)"
              R"("tool_call_reported":%s,"errors":%d})"
              "\n",
              clients, static_cast<double>(tally.turns.size()) / seconds, to_json(summarise(tally.turns)).c_str(),
              to_json(summarise(tally.accepted)).c_str(), to_json(summarise(tally.tools)).c_str(),
              to_json(summarise(tally.tool_reported)).c_str(), tally.errors);
  return 0;
}

}  // namespace librebird::bench
