-- The audit log as one hash chain a workspace (src/core/audit says what is hashed). Rows are only ever added, and old
-- ones removed from the front. The rows of audit_log are moved over by the program, which then drops that table.
-- run: 0, or which rerun of the call this is. prev_hash, hash: lower-case hex.
CREATE TABLE audit_chain (
  workspace_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  call_id TEXT NOT NULL,
  run BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  role TEXT NOT NULL,
  credential_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  arguments_sha256 TEXT NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL,
  duration_ms BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (workspace_id, seq)
);
CREATE INDEX audit_chain_recent ON audit_chain (workspace_id, user_id, seq);
-- A call is started once, unless it is rerun, and ends once.
CREATE UNIQUE INDEX audit_chain_starts ON audit_chain (call_id, run) WHERE kind IN ('call_started', 'call_denied');
CREATE UNIQUE INDEX audit_chain_ends ON audit_chain (call_id, run) WHERE kind = 'call_finished';

-- The end of each chain, sealed under the master key; and where it begins since old rows were removed (0: nowhere).
-- ordinal: 1, 2, 3, ... in the order in which chains were begun.
CREATE TABLE audit_heads (
  workspace_id TEXT PRIMARY KEY,
  ordinal BIGINT NOT NULL UNIQUE,
  seq BIGINT NOT NULL,
  hash TEXT NOT NULL,
  pruned_seq BIGINT NOT NULL,
  pruned_hash TEXT NOT NULL,
  key_id TEXT NOT NULL,
  seal TEXT NOT NULL
);

-- Calls that have not ended. instance: the process that runs it.
CREATE TABLE audit_open (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  instance TEXT NOT NULL
);

-- One row: which key everything is sealed under, and how many chains there are (sealed as well, so that a whole chain
-- cannot vanish).
CREATE TABLE master_key (
  id INTEGER PRIMARY KEY,
  key_id TEXT NOT NULL,
  chains BIGINT NOT NULL,
  seal TEXT NOT NULL
);

-- user_id: empty for what the workspace shares. value: sealed.
CREATE TABLE secrets (
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, user_id, scope, name)
);

-- Grows with every change of a workspace's secrets.
CREATE TABLE secret_revisions (
  workspace_id TEXT PRIMARY KEY,
  revision BIGINT NOT NULL
);
