-- Who may see and change which rows, whatever the statement says (docs/databases.md).
--
-- librebird_app works for one user in one workspace, named by app.user_id and app.workspace_id for the length of a
-- transaction. librebird_service is the platform itself. Neither owns anything, logs in, or bypasses these rules.
-- Without a role of its own, or with settings that are absent, malformed or of a non-member, no row is seen.

DO $$
DECLARE
  role_name TEXT;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['librebird_app', 'librebird_service'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role_name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- roles belong to all databases of a server: another one was made at the same time
      END;
    END IF;
    -- Since PostgreSQL 16 who makes a role is a member of it, and yet may not take it.
    IF NOT pg_has_role(current_user, role_name,
                       CASE WHEN current_setting('server_version_num')::INT >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role_name);
  END LOOP;
END $$;

-- Every table gets one call, here or in the migration that makes it. `own`: the rows that librebird_app works with;
-- @workspace is the condition that the row is in the current workspace and the current user a member of it, @user the
-- current user's id. `rights`: what it may do with them; empty: nothing, they are the platform's.
CREATE FUNCTION librebird_protect(tab REGCLASS, own TEXT, rights TEXT DEFAULT 'SELECT, INSERT, UPDATE, DELETE')
RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  rule TEXT := replace(replace(own,
    '@workspace', 'workspace_id = (SELECT m.workspace_id FROM workspace_members m WHERE m.workspace_id = '
                  'current_setting(''app.workspace_id'', true) AND m.user_id = current_setting(''app.user_id'', true))'),
    '@user', '(SELECT current_setting(''app.user_id'', true))');
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tab);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tab);
  EXECUTE format('CREATE POLICY platform ON %s TO librebird_service USING (true) WITH CHECK (true)', tab);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO librebird_service', tab);
  IF rights <> '' THEN
    EXECUTE format('CREATE POLICY own ON %s TO librebird_app USING (%s) WITH CHECK (%s)', tab, rule, rule);
    EXECUTE format('GRANT %s ON %s TO librebird_app', rights, tab);
  END IF;
END $$;
REVOKE ALL ON FUNCTION librebird_protect FROM PUBLIC;

-- What the current user may do with a conversation: own, write, read; NULL: nothing. For rules that would otherwise
-- ask each other in a circle; it runs as the platform and is told nothing but the id. A call costs more than the row,
-- so that rules ask it about other people's rows only: `user_id <> ...` comes first.
CREATE FUNCTION librebird_access(conversation TEXT) RETURNS TEXT
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  me TEXT := current_setting('app.user_id', true);
  here TEXT := current_setting('app.workspace_id', true);
BEGIN
  RETURN (SELECT CASE WHEN c.user_id = me THEN 'own'
                      WHEN c.workspace_access = 'write' OR s.access = 'write' THEN 'write'
                      WHEN c.workspace_access <> 'none' OR s.access IS NOT NULL THEN 'read' END
          FROM conversations c
          JOIN workspace_members m ON m.workspace_id = c.workspace_id AND m.user_id = me
          LEFT JOIN conversation_shares s ON s.conversation_id = c.id AND s.user_id = me
          WHERE c.id = conversation AND c.workspace_id = here);
END $$;
DO $$ BEGIN
  EXECUTE format('GRANT CREATE ON SCHEMA %I TO librebird_service', current_schema());
  ALTER FUNCTION librebird_access OWNER TO librebird_service;
  EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM librebird_service', current_schema());
END $$;

GRANT SELECT ON schema_version TO PUBLIC;

-- Who is who.
SELECT librebird_protect('users', 'id = @user', 'SELECT, UPDATE');
SELECT librebird_protect('workspace_members', 'user_id = current_setting(''app.user_id'', true)', 'SELECT');
SELECT librebird_protect('workspaces', 'id IN (SELECT m.workspace_id FROM workspace_members m)', 'SELECT');
SELECT librebird_protect('sign_in_links', '@workspace AND user_id = @user');
SELECT librebird_protect('sessions', 'user_id = @user');
SELECT librebird_protect('api_keys', '@workspace AND user_id = @user');
SELECT librebird_protect('recovery_codes', 'user_id = @user');
SELECT librebird_protect('external_identities', 'user_id = @user');
SELECT librebird_protect('account_tokens', 'user_id = @user');
SELECT librebird_protect('sign_in_attempts', '', '');
SELECT librebird_protect('server_keys', '', '');
SELECT librebird_protect('invitations', '', '');

-- What people write, and share: those with whom a conversation is shared see it, and those who may write into it move
-- it up and replace messages. Nobody puts anything into a conversation that is not shared with him for writing.
SELECT librebird_protect('conversations', '@workspace AND user_id = @user');
SELECT librebird_protect('messages', '@workspace AND user_id = @user');
SELECT librebird_protect('turns', '@workspace AND user_id = @user');
SELECT librebird_protect('turn_steps', 'turn_id IN (SELECT t.id FROM turns t)', 'SELECT');
SELECT librebird_protect('message_search', '', '');
SELECT librebird_protect('conversation_shares', '@workspace AND librebird_access(conversation_id) = ''own''');
CREATE POLICY shared ON conversation_shares FOR SELECT TO librebird_app
  USING (librebird_access(conversation_id) IS NOT NULL);
CREATE POLICY shared ON conversations FOR SELECT TO librebird_app
  USING (user_id <> current_setting('app.user_id', true) AND librebird_access(id) IS NOT NULL);
CREATE POLICY shared_for_writing ON conversations FOR UPDATE TO librebird_app
  USING (user_id <> current_setting('app.user_id', true) AND librebird_access(id) = 'write')
  WITH CHECK (user_id <> current_setting('app.user_id', true) AND librebird_access(id) = 'write');
DO $$
DECLARE
  tab TEXT;
BEGIN
  FOREACH tab IN ARRAY ARRAY['messages', 'turns'] LOOP
    EXECUTE format('CREATE POLICY shared ON %I FOR SELECT TO librebird_app '
                   'USING (user_id <> current_setting(''app.user_id'', true) AND '
                   'librebird_access(conversation_id) IS NOT NULL)', tab);
    EXECUTE format('CREATE POLICY shared_for_writing ON %I FOR UPDATE TO librebird_app '
                   'USING (user_id <> current_setting(''app.user_id'', true) AND '
                   'librebird_access(conversation_id) IN (''own'', ''write'')) '
                   'WITH CHECK (user_id <> current_setting(''app.user_id'', true) AND '
                   'librebird_access(conversation_id) IN (''own'', ''write'') AND '
                   'workspace_id = (SELECT current_setting(''app.workspace_id'', true)))', tab);
    EXECUTE format('CREATE POLICY only_where_allowed ON %I AS RESTRICTIVE FOR INSERT TO librebird_app '
                   'WITH CHECK (librebird_access(conversation_id) IN (''own'', ''write''))', tab);
  END LOOP;
END $$;

SELECT librebird_protect('context_snapshots', '@workspace AND user_id = @user');
SELECT librebird_protect('tasks', '@workspace AND user_id = @user');
SELECT librebird_protect('journal_entries', '@workspace AND user_id = @user');
SELECT librebird_protect('memories', '@workspace AND user_id = @user');
SELECT librebird_protect('user_settings', '@workspace AND user_id = @user');
SELECT librebird_protect('knowledge_chunks', '@workspace AND user_id = @user');
SELECT librebird_protect('legacy_ids', '@workspace AND user_id = @user');
SELECT librebird_protect('legacy_quarantine', '@workspace AND user_id = @user');
SELECT librebird_protect('legacy_files', '@workspace AND user_id = @user');
-- An installation that moves here brings its messages' numbers; the next ones follow them.
GRANT UPDATE ON SEQUENCE messages_seq_seq TO librebird_service;

-- What a workspace's tools are and may do.
SELECT librebird_protect('skills', '@workspace');
SELECT librebird_protect('skill_versions', '@workspace');
SELECT librebird_protect('skill_settings', '@workspace');
SELECT librebird_protect('skill_revisions', '@workspace');
SELECT librebird_protect('workspace_tool_modes', '@workspace');
SELECT librebird_protect('conversation_tool_modes', 'conversation_id IN (SELECT c.id FROM conversations c)');
SELECT librebird_protect('approvals', '@workspace AND user_id = @user');
-- Whoever deletes a conversation takes along what others were asked about in it.
CREATE POLICY in_own_conversation ON approvals FOR UPDATE TO librebird_app
  USING (librebird_access(conversation_id) = 'own')
  WITH CHECK (librebird_access(conversation_id) = 'own' AND
              workspace_id = (SELECT current_setting('app.workspace_id', true)));
CREATE POLICY in_own_conversation_seen ON approvals FOR SELECT TO librebird_app
  USING (librebird_access(conversation_id) = 'own');
SELECT librebird_protect('tool_grants', '@workspace AND user_id = @user');
SELECT librebird_protect('secrets', '@workspace AND user_id IN ('''', @user)');
SELECT librebird_protect('secret_revisions', '@workspace');

-- The platform's own; of the audit log people read what is about them.
SELECT librebird_protect('audit_chain', '@workspace AND user_id = @user', 'SELECT');
SELECT librebird_protect('audit_heads', '', '');
SELECT librebird_protect('audit_open', '', '');
SELECT librebird_protect('master_key', '', '');
SELECT librebird_protect('quota_use', '', '');
