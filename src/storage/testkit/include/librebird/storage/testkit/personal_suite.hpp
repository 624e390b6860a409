#pragma once

// Part of store_suite.hpp: tasks, journal, snapshots, settings, and the numbers of the desktop app's interface.

#include <librebird/core/ports/personal_stores.hpp>

namespace librebird::testkit {

inline PersonalTask to_do(const std::string& title) {
  PersonalTask task;
  task.title = title;
  task.source = "manual";
  return task;
}

TEST_P(StoreSuite, TasksAreListedByWhatIsToBeDone) {
  TaskStore& tasks = set_->tasks();
  std::vector<PersonalTask> made;
  for (const char* title : {"a", "b", "c", "d", "e"}) {
    made.push_back(ok(tasks.add(me_, to_do(title))));
    clock_.advance(Millis(10));
  }
  EXPECT_TRUE(is_uuid(made[0].id));
  ok(tasks.set_status(me_, made[0].id, TaskStatus::dismissed));
  ok(tasks.set_status(me_, made[1].id, TaskStatus::in_progress));
  const PersonalTask done = ok(tasks.set_status(me_, made[2].id, TaskStatus::done));
  EXPECT_EQ(done.completed_at, clock_.unix_now());
  std::string order;
  for (const PersonalTask& task : ok(tasks.list(me_, std::nullopt, 100))) order += task.title;
  EXPECT_EQ(order, "bedca");
  EXPECT_EQ(ok(tasks.list(me_, std::nullopt, 2)).size(), 2U);
  ASSERT_EQ(ok(tasks.list(me_, TaskStatus::todo, 100)).size(), 2U);
  EXPECT_EQ(ok(tasks.list(me_, TaskStatus::todo, 100))[0], made[4]);
  EXPECT_EQ(ok(tasks.set_status(me_, made[2].id, TaskStatus::todo)).completed_at, std::nullopt);
}

TEST_P(StoreSuite, TasksKeepWhatTheyWereGiven) {
  TaskStore& tasks = set_->tasks();
  PersonalTask task = to_do("odd \xff and \xF0\x9F\x90\xA6");
  task.description = std::string("a\0b", 3);
  task.priority = std::nullopt;
  task.source_id = "17";
  const PersonalTask made = ok(tasks.add(me_, task));
  EXPECT_EQ(made.title, "odd \xEF\xBF\xBD and \xF0\x9F\x90\xA6");
  EXPECT_EQ(made.description,
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(ok(tasks.list(me_, std::nullopt, 1)).at(0), made);
  fails(Code::invalid_argument, tasks.add(me_, to_do(" \n")));
}

TEST_P(StoreSuite, TasksOfOthersAreNotSeenOrChanged) {
  TaskStore& tasks = set_->tasks();
  const PersonalTask mine = ok(tasks.add(me_, to_do("mine")));
  EXPECT_TRUE(ok(tasks.list(stranger_, std::nullopt, 100)).empty());
  fails(Code::not_found, tasks.set_status(stranger_, mine.id, TaskStatus::done));
  fails(Code::not_found, tasks.remove(stranger_, mine.id));
  EXPECT_EQ(ok(tasks.prune(stranger_, clock_.unix_now() + 1)), 0);
  Principal elsewhere = me_;
  elsewhere.workspace_id = stranger_.workspace_id;
  fails(Code::not_found, tasks.remove(elsewhere, mine.id));
  EXPECT_EQ(ok(tasks.list(me_, std::nullopt, 100)).at(0), mine);
  ok(tasks.remove(me_, mine.id));
  fails(Code::not_found, tasks.remove(me_, mine.id));
}

TEST_P(StoreSuite, FinishedTasksArePruned) {
  TaskStore& tasks = set_->tasks();
  const PersonalTask old_done = ok(tasks.add(me_, to_do("old")));
  const PersonalTask dismissed = ok(tasks.add(me_, to_do("never")));
  ok(tasks.add(me_, to_do("open")));
  ok(tasks.set_status(me_, old_done.id, TaskStatus::done));
  ok(tasks.set_status(me_, dismissed.id, TaskStatus::dismissed));
  EXPECT_EQ(ok(tasks.prune(me_, clock_.unix_now())), 0);
  clock_.advance(Millis(1));
  EXPECT_EQ(ok(tasks.prune(me_, clock_.unix_now())), 2);
  EXPECT_EQ(ok(tasks.list(me_, std::nullopt, 100)).size(), 1U);
}

TEST_P(StoreSuite, TheJournalHasOneEntryADay) {
  JournalStore& journal = set_->journal();
  JournalEntry entry;
  entry.entry_date = "2026-02-28";
  entry.summary = "first";
  entry.activities_json = R"(["read"])";
  const JournalEntry first = ok(journal.put(me_, entry));
  entry.summary = "second";
  entry.activities_json = std::nullopt;
  const JournalEntry second = ok(journal.put(me_, entry));
  EXPECT_EQ(second.id, first.id) << "regenerating keeps the id";
  EXPECT_EQ(ok(journal.get(me_, "2026-02-28")), second);
  EXPECT_EQ(second.activities_json, std::nullopt);
  entry.entry_date = "2026-03-01";
  ok(journal.put(me_, entry));
  const auto listed = ok(journal.list(me_, 10));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].entry_date, "2026-03-01");
  for (const char* day : {"2026-02-29", "2026-2-1", "today", "", "2026-00-10", "2026-01-1x"}) {
    entry.entry_date = day;
    fails(Code::invalid_argument, journal.put(me_, entry));
  }
  fails(Code::not_found, journal.get(stranger_, "2026-02-28"));
  EXPECT_TRUE(ok(journal.list(stranger_, 10)).empty());
  entry.entry_date = "2026-03-01";
  EXPECT_NE(ok(journal.put(stranger_, entry)).id, listed[0].id);
}

TEST_P(StoreSuite, SnapshotsAreFoundByTimeAndPruned) {
  SnapshotStore& snapshots = set_->snapshots();
  ContextSnapshot snapshot;
  snapshot.app_name = "";
  snapshot.window_title = "Title \xF0\x9F\x90\xA6";
  for (const UnixMillis at : {1000, 2000, 3000}) {
    snapshot.taken_at = at;
    ok(snapshots.add(me_, snapshot));
  }
  const auto some = ok(snapshots.between(me_, 1000, 3000, 10));
  ASSERT_EQ(some.size(), 2U);
  EXPECT_EQ(some[0].taken_at, 2000);
  EXPECT_EQ(some[0].app_name, "");
  EXPECT_EQ(some[0].focused_text, std::nullopt);
  EXPECT_TRUE(ok(snapshots.between(stranger_, 0, 9000, 10)).empty());
  EXPECT_EQ(ok(snapshots.prune(stranger_, 9000)), 0);
  EXPECT_EQ(ok(snapshots.prune(me_, 2000)), 1);
  const Conversation talk = conversation();
  const std::string message = say(talk.id, "with context").message.id;
  set_->tamper("UPDATE messages SET context_snapshot_id = '" + some[0].id + "' WHERE id = '" + message + "'");
  EXPECT_EQ(ok(snapshots.prune(me_, 9000)), 1) << "what a message refers to stays";
  EXPECT_EQ(ok(snapshots.between(me_, 0, 9000, 10)).at(0).id, some[0].id);
}

TEST_P(StoreSuite, DaysAreRemembered) {
  DayMemoryStore& memories = set_->day_memories();
  for (const char* day : {"2026-01-02", "2026-01-01"}) {
    DayMemory memory;
    memory.memory_date = day;
    memory.summary = "Safari";
    ok(memories.add(me_, memory));
  }
  const auto listed = ok(memories.list(me_, 10));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].memory_date, "2026-01-02");
  EXPECT_TRUE(ok(memories.list(stranger_, 10)).empty());
  fails(Code::invalid_argument, memories.add(me_, DayMemory{"", "soon", "x", std::nullopt, 0}));
}

TEST_P(StoreSuite, SettingsAreOnesOwn) {
  SettingStore& settings = set_->settings();
  EXPECT_EQ(ok(settings.get(me_, "n_ctx")), std::nullopt);
  ok(settings.put(me_, "n_ctx", "8192"));
  ok(settings.put(me_, "n_ctx", "4096"));
  ok(settings.put(me_, "agent_mode", ""));
  EXPECT_EQ(ok(settings.get(me_, "n_ctx")), "4096");
  EXPECT_EQ(ok(settings.get(stranger_, "n_ctx")), std::nullopt);
  EXPECT_EQ(ok(settings.list(me_)), (std::vector<UserSetting>{{"agent_mode", ""}, {"n_ctx", "4096"}}));
  EXPECT_TRUE(ok(settings.list(stranger_)).empty());
  fails(Code::invalid_argument, settings.put(me_, "", "x"));
  fails(Code::invalid_argument, settings.put(me_, std::string(201, 'x'), "x"));
}

TEST_P(StoreSuite, NumbersForTheDesktopAppStay) {
  LegacyIdStore& numbers = set_->legacy_ids();
  const std::string a = ids_.next();
  const std::string b = ids_.next();
  const std::string c = ids_.next();
  EXPECT_EQ(ok(numbers.numbers_of(me_, "conversation", {b, a})), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(ok(numbers.numbers_of(me_, "conversation", {a, c, b})), (std::vector<std::int64_t>{2, 3, 1}));
  EXPECT_EQ(ok(numbers.numbers_of(me_, "task", {a})), std::vector<std::int64_t>{1});
  EXPECT_EQ(ok(numbers.numbers_of(stranger_, "conversation", {c})), std::vector<std::int64_t>{1});
  EXPECT_EQ(ok(numbers.id_of(me_, "conversation", 1)), b);
  fails(Code::not_found, numbers.id_of(me_, "task", 3));
  fails(Code::not_found, numbers.id_of(stranger_, "conversation", 2));
  EXPECT_TRUE(ok(numbers.numbers_of(me_, "conversation", {})).empty());
}

}  // namespace librebird::testkit
