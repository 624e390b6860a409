-- People count themselves, and see what counts with it: their own entries anywhere, and those of their workspace.
SELECT librebird_protect('usage_entries', '@workspace AND user_id = @user', 'SELECT, INSERT');
CREATE POLICY counted ON usage_entries FOR SELECT TO librebird_app
  USING (user_id = (SELECT current_setting('app.user_id', true)) OR
         workspace_id = (SELECT m.workspace_id FROM workspace_members m
                         WHERE m.workspace_id = (SELECT current_setting('app.workspace_id', true)) AND
                               m.user_id = (SELECT current_setting('app.user_id', true))));
SELECT librebird_protect('usage_limits', '(workspace_id = '''' OR @workspace) AND user_id IN ('''', @user)', 'SELECT');
SELECT librebird_protect('usage_gates', 'user_id = @user', 'SELECT, INSERT, UPDATE');
