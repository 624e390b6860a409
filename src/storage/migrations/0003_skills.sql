-- One row for each skill that a workspace installed, and for each skill of the program that it switched off or on again
-- (origin 'official', no versions). granted: JSON array of permissions the admin added to the manifest's.
CREATE TABLE skills (
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  origin TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  pinned INTEGER NOT NULL DEFAULT 0,
  current TEXT NOT NULL,
  granted TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, name)
);

-- hash: of the folder's content, and its name on disk. tools: JSON array that the program itself answered at install
-- time; empty when its manifest names them.
CREATE TABLE skill_versions (
  workspace_id TEXT NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  version TEXT NOT NULL,
  kind TEXT NOT NULL,
  manifest TEXT NOT NULL,
  tools TEXT NOT NULL,
  origin TEXT NOT NULL,
  installed_by TEXT NOT NULL,
  installed_at BIGINT NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, name, hash),
  FOREIGN KEY (workspace_id, name) REFERENCES skills (workspace_id, name) ON DELETE CASCADE
);

-- Not the secrets. Kept for skills of the program too, hence no reference to skills.
CREATE TABLE skill_settings (
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  skill TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, skill, name)
);

-- Counts the changes of a workspace's skills: who holds an older number reads again.
CREATE TABLE skill_revisions (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
  revision BIGINT NOT NULL
);
