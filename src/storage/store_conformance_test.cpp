// The suite of testkit/ on SQLite.
#include "sqlite_fixture.hpp"

#include <librebird/storage/testkit/store_suite.hpp>

namespace librebird::testkit {

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, AccountSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, AuditSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, WorkspaceSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, SharingSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, UsageSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, RetentionSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, PersonSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, BringSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));
INSTANTIATE_TEST_SUITE_P(Sqlite, EmbeddingSuite, testing::Values(StoreFactory{"sqlite", make_sqlite_set}));

}  // namespace librebird::testkit
