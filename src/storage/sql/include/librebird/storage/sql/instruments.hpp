#pragma once

// What every engine counts, and how it refuses work over its bound. Private to src/storage. Any thread.

#include <librebird/base/metrics.hpp>
#include <librebird/base/result.hpp>

namespace librebird::storage {

struct Instruments {
  metrics::Counter& commits = metrics::counter("librebird_storage_commits_total", "Write transactions committed");
  metrics::Counter& writes = metrics::counter("librebird_storage_writes_total", "Writes done; several share a commit");
  metrics::Counter& failures = metrics::counter("librebird_storage_failures_total", "Write transactions that failed");
  metrics::Histogram& seconds =
      metrics::histogram("librebird_storage_commit_seconds", "Duration of a write transaction");
};

[[nodiscard]] inline Error queue_full() {
  Error error = make_error(Code::resource_exhausted, "Too much is waiting for the database: try again in a moment.");
  error.retry_after = std::chrono::milliseconds(1000);
  return error;
}

}  // namespace librebird::storage
