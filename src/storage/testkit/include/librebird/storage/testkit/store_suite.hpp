#pragma once

// The one conformance suite of the stores. An engine's test file includes this header and instantiates it:
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite, testing::Values(StoreFactory{"sqlite", make_sqlite}));
//   INSTANTIATE_TEST_SUITE_P(Sqlite, AuditSuite, testing::Values(StoreFactory{"sqlite", make_sqlite}));
//   INSTANTIATE_TEST_SUITE_P(Sqlite, AccountSuite, testing::Values(StoreFactory{"sqlite", make_sqlite}));
//
// Every test begins with an empty database. The clock is manual and shared with the stores.

#include <librebird/storage/testkit/store_set.hpp>

namespace librebird::testkit {

class StoreSuite : public testing::TestWithParam<StoreFactory> {
 protected:
  void SetUp() override {
    set_ = GetParam().make(runner_.loop(), clock_, ids_);
    ASSERT_TRUE(set_);
    me_ = ok(set_->identities().ensure_owner());
    stranger_ = set_->add_stranger();
  }

  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return runner_.run(std::move(task));
  }
  template <class T>
  T ok(Task<Result<T>> task) {
    Result<T> result = runner_.run(std::move(task));
    if (!result) {
      ADD_FAILURE() << result.error().message;
      std::abort();
    }
    return std::move(result).value();
  }
  template <class T>
  void fails(Code code, Task<Result<T>> task) {
    const Result<T> result = runner_.run(std::move(task));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(to_string(result.error().code), to_string(code)) << result.error().message;
    EXPECT_FALSE(result.error().message.empty());
  }

  Conversation conversation(std::string title = "") { return ok(set_->conversations().create(me_, std::move(title))); }
  Accepted say(const std::string& conversation_id, const std::string& content, const std::string& client_id = "") {
    AcceptMessage message;
    message.conversation_id = conversation_id;
    message.content = content;
    message.client_message_id = client_id.empty() ? ids_.next() : client_id;
    return ok(set_->turns().accept(me_, message));
  }
  LeasedTurn lease(const std::string& conversation_id, const std::string& owner = "worker") {
    auto leased = ok(set_->turns().lease(conversation_id, owner, Millis(30'000), 100));
    if (!leased) {
      ADD_FAILURE() << "nothing to lease";
      std::abort();
    }
    return *std::move(leased);
  }
  static Message answer_with(const std::string& content) {
    Message answer;
    answer.role = MessageRole::assistant;
    answer.content = content;
    answer.parts = {TextPart{content}};
    answer.model = ModelInfo{"mock", "mock-1", true};
    return answer;
  }
  // A whole turn.
  Turn exchange(const std::string& conversation_id, const std::string& question, const std::string& answer) {
    say(conversation_id, question);
    const LeasedTurn leased = lease(conversation_id);
    return ok(set_->turns().finish(leased.turn.id, "worker", TurnStatus::done, std::nullopt, answer_with(answer)));
  }
  std::vector<std::string> contents(const std::string& conversation_id) {
    std::vector<std::string> out;
    for (const Message& message : ok(set_->messages().list(me_, conversation_id, "", 500)).items) {
      out.push_back(message.content);
    }
    return out;
  }
  std::vector<std::string> found(const std::string& query) {
    ConversationFilter filter;
    filter.query = query;
    std::vector<std::string> ids;
    for (const Conversation& item : ok(set_->conversations().list(me_, filter)).items) ids.push_back(item.id);
    return ids;
  }

  LoopRunner runner_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  std::unique_ptr<StoreSet> set_;
  Principal me_;
  Principal stranger_;
};

}  // namespace librebird::testkit

#include <librebird/storage/testkit/account_suite.hpp>
#include <librebird/storage/testkit/approval_suite.hpp>
#include <librebird/storage/testkit/audit_suite.hpp>
#include <librebird/storage/testkit/conversation_suite.hpp>
#include <librebird/storage/testkit/embedding_suite.hpp>
#include <librebird/storage/testkit/identity_link_suite.hpp>
#include <librebird/storage/testkit/identity_suite.hpp>
#include <librebird/storage/testkit/person_suite.hpp>
#include <librebird/storage/testkit/personal_suite.hpp>
#include <librebird/storage/testkit/retention_suite.hpp>
#include <librebird/storage/testkit/sharing_suite.hpp>
#include <librebird/storage/testkit/skill_suite.hpp>
#include <librebird/storage/testkit/turn_suite.hpp>
#include <librebird/storage/testkit/usage_suite.hpp>
#include <librebird/storage/testkit/workspace_suite.hpp>
