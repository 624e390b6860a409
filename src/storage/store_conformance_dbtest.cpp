// The suite of testkit/ on PostgreSQL.
#include "postgres_fixture.hpp"

#include <librebird/storage/testkit/store_suite.hpp>

namespace librebird::testkit {

INSTANTIATE_TEST_SUITE_P(Postgres, StoreSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, AuditSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, AccountSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, WorkspaceSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, SharingSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, UsageSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, RetentionSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, PersonSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, BringSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(Postgres, EmbeddingSuite, testing::Values(StoreFactory{"postgres", make_postgres_set}));
INSTANTIATE_TEST_SUITE_P(PostgresWithoutPgvector, EmbeddingSuite,
                         testing::Values(StoreFactory{"postgres", make_plain_set}));

}  // namespace librebird::testkit
