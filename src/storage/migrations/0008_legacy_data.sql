-- What a person had in the desktop app and keeps using here: tasks, journal, memories, the screen's context, settings,
-- documents. Every row belongs to one user in one workspace.

CREATE TABLE context_snapshots (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  taken_at BIGINT NOT NULL,
  app_name TEXT,
  window_title TEXT,
  focused_text TEXT,
  bundle_id TEXT
);
CREATE INDEX context_snapshots_recent ON context_snapshots (workspace_id, user_id, taken_at, id);

-- What was on the screen when a message was sent.
ALTER TABLE messages ADD COLUMN context_snapshot_id TEXT REFERENCES context_snapshots (id) ON DELETE SET NULL;
CREATE INDEX messages_context ON messages (context_snapshot_id) WHERE context_snapshot_id IS NOT NULL;

-- status: todo, in_progress, done or dismissed. priority: low, medium or high. source: manual, journal or chat.
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  description TEXT,
  status TEXT NOT NULL,
  priority TEXT,
  source TEXT,
  source_id TEXT,
  created_at BIGINT NOT NULL,
  completed_at BIGINT
);
CREATE INDEX tasks_recent ON tasks (workspace_id, user_id, created_at, id);

-- entry_date, memory_date: YYYY-MM-DD where the person was. activities, tasks_extracted: JSON arrays.
CREATE TABLE journal_entries (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  entry_date TEXT NOT NULL,
  summary TEXT NOT NULL,
  activities TEXT,
  tasks_extracted TEXT,
  created_at BIGINT NOT NULL,
  UNIQUE (workspace_id, user_id, entry_date)
);

-- A day's context in a few lines, made before its snapshots are removed. app_names: joined by ", ".
CREATE TABLE memories (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  memory_date TEXT NOT NULL,
  summary TEXT NOT NULL,
  app_names TEXT,
  created_at BIGINT NOT NULL
);
CREATE INDEX memories_recent ON memories (workspace_id, user_id, memory_date, id);

-- Never a secret: those are in `secrets`.
CREATE TABLE user_settings (
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (workspace_id, user_id, name)
);

-- Pieces of documents a person gave to be found again. source: the document. metadata: a JSON object.
CREATE TABLE knowledge_chunks (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  chunk_index BIGINT NOT NULL,
  content TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX knowledge_chunks_source ON knowledge_chunks (workspace_id, user_id, source, chunk_index, id);

-- The desktop app's interface knows rows by a number. kind: conversation or task.
CREATE TABLE legacy_ids (
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  number BIGINT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (workspace_id, user_id, kind, number),
  UNIQUE (workspace_id, user_id, kind, id)
);

-- Rows of the desktop app that could not be taken over as they were. outcome: left_out, or mended (the row is here
-- with the part that is no text replaced). content: the row as it was, JSON; bytes that are no text as {"hex": ...}.
CREATE TABLE legacy_quarantine (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  source_table TEXT NOT NULL,
  source_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  content TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX legacy_quarantine_owner ON legacy_quarantine (workspace_id, user_id, source_table, id);

-- Files of skills that were taken over, and what they held then: one that changed since is the person's own.
CREATE TABLE legacy_files (
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (workspace_id, user_id, path)
);
