-- Words are indexed a little after their message was committed. Messages up to number `settled` are, for certain;
-- `seen` was the newest when a sweep began at `seen_at` (seconds since 1970).
CREATE TABLE search_state (
  id INTEGER PRIMARY KEY,
  settled BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
);
INSERT INTO search_state (id, settled, seen, seen_at)
  SELECT 1, last, last, 0 FROM (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM messages_seq_seq) s;
SELECT librebird_protect('search_state', '', '');

-- Asked for a conversation by its id alone, so that the plan is the id's index whatever the statistics say: where the
-- owner is a condition as well, the planner takes the list of all his conversations when it believes that to be short,
-- and goes on doing so while it grows.
DO $do$
DECLARE
  me TEXT := current_user;
BEGIN
  EXECUTE format('GRANT CREATE ON SCHEMA %I TO librebird_service', current_schema());
  SET LOCAL ROLE librebird_service;
  CREATE OR REPLACE FUNCTION librebird_access(conversation TEXT) RETURNS TEXT
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  DECLARE
    me TEXT := current_setting('app.user_id', true);
    owner TEXT;
    workspace TEXT;
    for_all TEXT;
    for_me TEXT;
    member BOOLEAN;
  BEGIN
    SELECT c.user_id, c.workspace_id, c.workspace_access,
           (SELECT TRUE FROM workspace_members m WHERE m.workspace_id = c.workspace_id AND m.user_id = me)
      INTO owner, workspace, for_all, member FROM conversations c WHERE c.id = conversation;
    IF member IS NULL OR workspace IS DISTINCT FROM current_setting('app.workspace_id', true) THEN RETURN NULL; END IF;
    IF owner = me THEN RETURN 'own'; END IF;
    SELECT s.access INTO for_me FROM conversation_shares s WHERE s.conversation_id = conversation AND s.user_id = me;
    RETURN CASE WHEN for_all = 'write' OR for_me = 'write' THEN 'write'
                WHEN for_all <> 'none' OR for_me IS NOT NULL THEN 'read' END;
  END $$;
  EXECUTE format('SET LOCAL ROLE %I', me);
  EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM librebird_service', current_schema());
END $do$;
DO $$
DECLARE
  tab TEXT;
BEGIN
  FOREACH tab IN ARRAY ARRAY['messages', 'turns'] LOOP
    EXECUTE format('DROP POLICY only_where_allowed ON %I', tab);
    EXECUTE format('CREATE POLICY only_where_allowed ON %I AS RESTRICTIVE FOR INSERT TO librebird_app '
                   'WITH CHECK (librebird_access(conversation_id) IN (''own'', ''write''))', tab);
  END LOOP;
END $$;
