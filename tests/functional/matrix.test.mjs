// The generated authorisation matrix. Which requests there are, and the permission each needs, is read from the running
// server's own description (a unit test compares that with the tables of the program); every one of them is made by
// every kind of caller, and the answer must be what the table of permissions says. A route without an example here
// fails: whoever adds one says with what it is called.
//
// Two tenants have rows of everything. Each carries its canary in all it says; it must never be in the other's answers.
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Server } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { addPerson, execute, insert, join, owner, sha256 } from './lib/people.mjs';
import { engines } from './lib/postgres.mjs';
import { newId, Rest } from './lib/rest.mjs';

const ranks = { guest: 0, member: 1, admin: 2, owner: 3 };
const text = (canary) => ({ content: `words of ${canary}`, client_message_id: newId() });

// What to call a route with. `row`: what the id in the path is of, made for this one request; `body`; `ok`: the status of
// success where it is not the described one; `needs`: what somebody with whom the conversation is shared has to be
// allowed, if it is more than to read (`sharedOk`: of a finished turn there is nothing to refuse); `order`: before or after the others, because of what it does to the caller.
const gone = { id: 'nothing', ok: 404 }; // what is hard to have: allowed is who is told that there is none
const incomplete = { body: () => ({}), ok: 400 }; // a right answer has to be known: allowed is who is told what is missing
const examples = {
  'POST /session': { body: () => ({ token: 'unknown' }), ok: 401 },
  'DELETE /session': { order: 4, ok: 401 }, // ended by the one before
  'DELETE /sessions': { order: 3 },
  'DELETE /sessions/{id}': gone,
  'GET /sessions': {},
  'GET /auth/methods': {},
  'GET /auth/providers': {},
  'GET /auth/oidc/{provider}/start': { id: 'nothing' }, // sends the browser back with the reason
  'GET /auth/oidc/{provider}/callback': { id: 'nothing' },
  'POST /auth/sign-in': incomplete,
  'POST /auth/second-factor': incomplete,
  'POST /auth/token': incomplete,
  'POST /auth/register': incomplete,
  'POST /auth/magic-link': incomplete,
  'POST /auth/reset-password': incomplete,
  'POST /auth/reset-password/confirm': incomplete,
  'POST /auth/verify-email': incomplete,
  'POST /auth/refresh': { ok: 409 }, // not with an access token
  'GET /me/account': {},
  'PATCH /me/account': { body: ({ canary }) => ({ display_name: canary }) },
  'POST /me/password': incomplete,
  'POST /me/verify-email': { ok: 409 }, // no address
  'POST /me/second-factor': {},
  'POST /me/second-factor/confirm': incomplete,
  'POST /me/second-factor/recovery-codes': incomplete,
  'POST /me/second-factor/remove': incomplete,
  'GET /me/identities': {},
  'POST /me/identities/{name}': gone,
  'DELETE /me/identities/{name}': gone,
  'GET /me': {},
  'GET /api-keys': {},
  'POST /api-keys': { body: () => ({ name: 'another' }) },
  'DELETE /api-keys/{id}': { row: 'api_key' },
  'GET /workspaces': {},
  'POST /workspaces': { body: () => ({ name: 'another' }) },
  'GET /workspaces/{id}': { row: 'workspace' },
  'PATCH /workspaces/{id}': { row: 'workspace', body: ({ canary }) => ({ name: canary }) },
  'DELETE /workspaces/{id}': { row: 'workspace', order: -1, ok: 409 }, // the only one of its owner
  'POST /workspaces/{id}/transfer': { row: 'workspace', body: () => ({ user_id: 'nobody' }), ok: 404 },
  'POST /workspaces/{id}/leave': { row: 'workspace', order: (caller) => (caller.account ? 2 : 5), ok: { owner: 409 } },
  'GET /workspaces/{id}/usage': { row: 'workspace' },
  'PUT /workspaces/{id}/limits': { row: 'workspace', body: () => ({ tokens_a_day: 1_000_000 }) },
  'GET /workspaces/{id}/retention': { row: 'workspace' },
  'PUT /workspaces/{id}/retention': { row: 'workspace', body: () => ({ conversation_days: 0 }) },
  'PUT /workspaces/{id}/members/{user_id}/limits': { row: 'workspace', body: () => ({}), ok: 404 },
  'GET /me/usage': {},
  'POST /me/export': {},
  'POST /me/import': incomplete,
  'DELETE /me': { body: () => ({ current_password: 'wrong' }), ok: 409 }, // no password to prove it with
  'GET /members': {},
  'PATCH /members/{id}': { row: 'member', body: () => ({ role: 'guest' }) },
  'DELETE /members/{id}': { row: 'member' },
  'GET /invitations': {},
  'POST /invitations': { body: () => ({ role: 'guest' }) },
  'DELETE /invitations/{id}': { row: 'invitation' },
  'POST /invitations/look': { body: () => ({ token: 'unknown' }), ok: 404 },
  'POST /invitations/accept': { body: () => ({ token: 'unknown' }), ok: 404 },
  'POST /invitations/decline': { body: () => ({ token: 'unknown' }), ok: 404 },
  'GET /tools': {},
  'GET /approvals': { query: '?state=all' },
  'POST /approvals/{id}/decision': { row: 'approval', body: () => ({ decision: 'deny' }) },
  'GET /tool-policy': {},
  'PUT /tool-policy': { body: () => ({ mode: 'ask' }) },
  'GET /conversations/{id}/tool-policy': { row: 'conversation' },
  'PUT /conversations/{id}/tool-policy': { row: 'conversation', needs: 'owner', body: () => ({ mode: 'ask' }) },
  'GET /grants': {},
  'DELETE /grants/{id}': { row: 'grant' },
  'GET /skills': {},
  'POST /skills': { body: () => ({ git_url: 'ftp://nowhere.invalid/x' }), ok: 400 },
  'GET /skills/{name}': gone,
  'PATCH /skills/{name}': { ...gone, body: () => ({ enabled: true }) },
  'DELETE /skills/{name}': gone,
  'POST /skills/{name}/update': { ...gone, body: () => ({}) },
  'POST /skills/{name}/rollback': { ...gone, body: () => ({}) },
  'PUT /skills/connection': { body: () => ({ state: 'nobody', code: 'x' }), ok: 400 },
  'POST /skills/{name}/connection': gone,
  'GET /skills/{name}/connection': gone,
  'DELETE /skills/{name}/connection': gone,
  'PUT /skills/{name}/settings/{setting}': { ...gone, body: () => ({ value: 1 }) },
  'DELETE /skills/{name}/settings/{setting}': gone,
  'GET /conversations': { query: '?q=canary' },
  'POST /conversations': { body: ({ canary }) => ({ title: canary }) },
  'GET /conversations/{id}': { row: 'conversation' },
  'PATCH /conversations/{id}': { row: 'conversation', needs: 'owner', body: ({ canary }) => ({ title: canary }) },
  'DELETE /conversations/{id}': { row: 'conversation', needs: 'owner' },
  'PUT /conversations/{id}/sharing': { row: 'conversation', needs: 'owner', body: () => ({ workspace: 'none' }) },
  'GET /conversations/{id}/messages': { row: 'conversation' },
  'POST /conversations/{id}/messages': { row: 'conversation', needs: 'write', body: ({ canary }) => text(canary) },
  'POST /messages/{id}/edit': { row: 'question', needs: 'owner', body: ({ canary }) => text(canary) },
  'POST /messages/{id}/regenerate': { row: 'answer', needs: 'write', body: () => ({ client_message_id: newId() }) },
  'GET /turns/{id}': { row: 'turn' },
  'POST /turns/{id}/cancel': { row: 'turn', needs: 'write', sharedOk: true },
  'GET /turns/{id}/events': { row: 'turn' },
};

// Frames of the socket: what to send about one's own rows, and what answers it.
const frames = {
  subscribe: { row: 'conversation', frame: (id) => ({ conversation_id: id }), ok: 'subscribed' },
  unsubscribe: { frame: () => ({ conversation_id: 'any' }), ok: 'unsubscribed' },
  send: { row: 'conversation', needs: 'write', frame: (id, { canary }) => ({ conversation_id: id, ...text(canary) }), ok: 'accepted' },
  cancel: { row: 'turn', needs: 'write', sharedOk: true, frame: (id) => ({ turn_id: id }), ok: 'cancelling' },
  decide: { row: 'approval', frame: (id) => ({ approval_id: id, decision: 'deny' }), ok: 'decided' },
  typing: { frame: () => ({ conversation_id: 'any' }), ok: 'failed_precondition' }, // not subscribed
  ping: { frame: () => ({}), ok: 'pong' },
};

// Rows of one person; `sql` collects their statements, to be run at once.
const makers = {
  conversation: (who, sql, share) => whole(who, sql, share).conversation,
  question: (who, sql, share) => whole(who, sql, share).question,
  answer: (who, sql, share) => whole(who, sql, share).answer,
  turn: (who, sql, share) => whole(who, sql, share).turn,
  api_key: (who, sql) => put(who, sql, 'api_keys', {
    key_hash: sha256(randomUUID()), name: who.canary, prefix: 'lb_xxxxxxx', created_at: Date.now(),
  }),
  approval: (who, sql) => put(who, sql, 'approvals', {
    role: 'member', credential_id: '', conversation_id: '', turn_id: '', call_id: randomUUID(), skill: who.canary,
    tool: 'tool', arguments: `{"a":"${who.canary}"}`, tool_use: '{}', reason: who.canary, state: 'open',
    decided_by: '', created_at: Date.now(), expires_at: Date.now() + 3_600_000,
  }),
  grant: (who, sql) => put(who, sql, 'tool_grants', {
    skill: who.canary, tool: randomUUID(), host: '', program: '', created_at: Date.now(),
  }),
  invitation: (who, sql) => {
    const id = randomUUID();
    sql.push(insert('invitations', {
      id, token_hash: sha256(id), workspace_id: who.workspace, invited_by: who.ownerId, role: 'guest',
      email: `${who.canary}@example.org`, state: 'open', created_at: Date.now(), expires_at: Date.now() + 3_600_000,
    }));
    return id;
  },
  member: (who, sql) => { // somebody below everybody who may change anybody
    const id = randomUUID();
    sql.push(insert('users', { id, display_name: who.canary, created_at: Date.now() }));
    sql.push(insert('workspace_members', { workspace_id: who.workspace, user_id: id, role: 'guest', joined_at: 1 }));
    return id;
  },
  workspace: (who) => who.workspace,
};
const shareable = ['conversation', 'question', 'answer', 'turn'];
const ofTheWorkspace = ['workspace', 'member', 'invitation']; // as opposed to one person's

function put(who, sql, table, row) {
  const id = randomUUID();
  sql.push(insert(table, { id, workspace_id: who.workspace, user_id: who.id, ...row }));
  return id;
}

// A conversation with one answered question; `share`: {user, access}.
function whole(who, sql, share) {
  const at = Date.now();
  const [conversation, question, answer, turn] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const common = { workspace_id: who.workspace, user_id: who.id };
  sql.push(insert('conversations', {
    id: conversation, ...common, title: who.canary, created_at: at, updated_at: at, next_position: 3,
  }));
  for (const [id, position, role] of [[question, 1, 'user'], [answer, 2, 'assistant']]) {
    sql.push(insert('messages', {
      id, conversation_id: conversation, position, ...common, turn_id: turn, role, content: who.canary,
      status: 'complete', created_at: at,
    }));
  }
  sql.push(insert('turns', {
    id: turn, conversation_id: conversation, position: 2, message_id: question, ...common, role: 'member',
    status: 'done', attempt: 1, created_at: at, started_at: at, finished_at: at,
  }));
  if (share) {
    sql.push(insert('conversation_shares', {
      conversation_id: conversation, workspace_id: who.workspace, user_id: share.user, access: share.access, created_at: at,
    }));
  }
  return { conversation, question, answer, turn };
}

async function setUp(t, engine) {
  const { env, postgres } = await engine.start(t);
  const server = await Server.start(t, { env });
  server.postgres = postgres;
  const host = await owner(server);
  const run = (statements) => execute(server, statements);
  const a = { canary: `canary-a-${newId()}`, workspace: host.home, ownerId: host.id };
  await run([`UPDATE workspaces SET name = '${a.canary}' WHERE id = '${host.home}';`,
    `UPDATE users SET display_name = '${a.canary}' WHERE id = '${host.id}';`]);
  const callers = { owner: { ...a, id: host.id, rest: host.rest, role: 'owner' } };
  for (const role of ['admin', 'member', 'guest']) {
    const person = await addPerson(server, `${role} ${a.canary}`);
    callers[role] = { ...a, id: person.id, rest: await join(host, person, role), role };
  }
  const colleague = await addPerson(server, `colleague ${a.canary}`);
  await join(host, colleague, 'member');
  const b = { canary: `canary-b-${newId()}` };
  const stranger = await addPerson(server, `stranger ${b.canary}`, { workspace: b.canary });
  Object.assign(b, { workspace: stranger.home, ownerId: stranger.id });
  callers.stranger = { ...b, id: stranger.id, rest: stranger.rest, role: 'owner' };

  const revoked = await host.key(host.home);
  await run([`UPDATE api_keys SET revoked_at = 1 WHERE id = '${revoked.keyId}';`]);
  const expired = await server.browser();
  const signedOut = await server.browser();
  await signedOut.delete('/api/v1/session');
  await run([`UPDATE sessions SET expires_at = 1;`]);
  // Only who is signed in, as opposed to a key, looks after the account.
  callers['owner, signed in'] = { ...a, id: host.id, rest: await server.browser(), role: 'owner', account: true };
  const left = await addPerson(server, 'left');
  const removed = await join(host, left, 'admin');
  await host.rest.delete(`/api/v1/members/${left.id}`);
  const nobody = { ...a, id: host.id, role: null };
  callers.anonymous = { ...nobody, rest: new Rest(server.url) };
  callers['revoked key'] = { ...nobody, rest: revoked };
  callers['expired session'] = { ...nobody, rest: expired };
  callers['ended session'] = { ...nobody, rest: signedOut };
  callers['removed member'] = { ...nobody, rest: removed };
  const disabled = await addPerson(server, 'disabled');
  callers['disabled user'] = { ...nobody, rest: await join(host, disabled, 'admin') };
  await run([`UPDATE users SET disabled_at = 1 WHERE id = '${disabled.id}';`]);
  const description = (await new Rest(server.url).get('/api/openapi.json')).body;
  return { server, run, callers, colleague: { ...a, id: colleague.id }, a, b, description };
}

function routesOf(description) {
  const routes = [];
  for (const [path, operations] of Object.entries(description.paths)) {
    if (!path.startsWith('/api/v1/')) continue;
    for (const [method, operation] of Object.entries(operations)) {
      if (method === 'parameters') continue;
      routes.push({
        name: `${method.toUpperCase()} ${path.slice(7)}`, method: method.toUpperCase(), path,
        permission: operation['x-permission'], ok: Math.max(...Object.keys(operation.responses).map(Number).filter((status) => status < 400)),
      });
    }
  }
  return routes;
}

const allowed = (description, permission, caller) => {
  if (['manage_account', 'connect_skills'].includes(permission) && !caller.account) return false;
  const least = description['x-permissions'][permission];
  return least === null || (caller.role !== null && ranks[caller.role] >= ranks[least]);
};

// Whose rows a caller asks for, and what he is told if he may ask at all.
function* cases(example, caller, { callers, colleague }) {
  if (example.row !== undefined) {
    const other = caller.workspace === colleague.workspace ? callers.stranger : callers.owner;
    yield { whose: "another tenant's", owner: other, missing: true };
    if (!ofTheWorkspace.includes(example.row) && caller.workspace === colleague.workspace) {
      yield { whose: "a colleague's", owner: colleague, missing: true };
    }
    // The roles and the shares: both have to allow it.
    if (shareable.includes(example.row) && caller.workspace === colleague.workspace && caller.role !== null) {
      for (const access of ['read', 'write']) {
        const enough = example.needs === undefined || example.needs === access;
        yield {
          whose: `a colleague's, shared to ${access}`, owner: colleague, share: { user: caller.id, access },
          forbidden: !enough && !example.sharedOk,
        };
      }
    }
  }
  yield { whose: 'own', owner: caller };
}

test('every route has an example, and every example a route', async (t) => {
  const server = await Server.start(t);
  const description = (await new Rest(server.url).get('/api/openapi.json')).body;
  assert.deepEqual(Object.keys(examples).sort(), routesOf(description).map((r) => r.name).sort());
  assert.deepEqual(Object.keys(frames).sort(), Object.keys(description['x-frames']).sort());
});

for (const engine of engines) {
  test(`every route answers every caller as the table of permissions says, on ${engine.name}`, { timeout: 600_000, skip: engine.skip }, async (t) => {
    const world = await setUp(t, engine);
    const { callers, description, run, a, b } = world;
    const planned = [];
    const sql = [];
    for (const route of routesOf(description)) {
      const example = examples[route.name];
      assert.ok(example, `${route.name}: how is it called? Add an example.`);
      for (const [name, caller] of Object.entries(callers)) {
        for (const { whose, owner: owner_, missing, forbidden, share } of cases(example, caller, world)) {
          const id = example.row ? makers[example.row](owner_, sql, share) : example.id;
          const may = allowed(description, route.permission, caller);
          const success = typeof example.ok === 'object' ? example.ok[caller.role] : example.ok;
          const anybody = description['x-permissions'][route.permission] === null;
          const wanted = caller.role === null && !anybody ? 401 : !may || forbidden ? 403 : missing ? 404 : success ?? route.ok;
          planned.push({
            what: `${route.name} by ${name}, ${whose}`, route, example, caller, wanted, id,
            path: route.path.replace(/\{[^}]*\}/g, () => id) + (example.query ?? ''),
          });
        }
      }
    }
    await run(sql);
    const faults = [];
    const order = ({ example, caller }) =>
      (typeof example.order === 'function' ? example.order(caller) : example.order ?? 0);
    planned.sort((x, y) => order(x) - order(y));
    for (const { what, route, example, caller, wanted, path, id } of planned) {
      const answer = await caller.rest.request(route.method, path, example.body?.(caller));
      if (answer.status !== wanted) faults.push(`${what}: ${answer.status}, wanted ${wanted}: ${answer.text.slice(0, 200)}`);
      const foreign = caller.workspace === a.workspace ? b : a;
      for (const secret of [foreign.canary, foreign.workspace, foreign.ownerId]) {
        if (secret !== id && answer.text.includes(secret)) faults.push(`${what}: tells ${secret}: ${answer.text}`);
      }
      if (caller.role === null && answer.text.includes(a.canary)) faults.push(`${what}: tells ${answer.text}`);
    }
    assert.ok(planned.length > 400, `${planned.length} requests`);
    t.diagnostic(`${planned.length} requests`);
    assert.deepEqual(faults, []);
    // The canaries are really told: to their own people.
    for (const caller of [callers.owner, callers.stranger]) {
      assert.ok((await caller.rest.get('/api/v1/conversations')).text.includes(caller.canary));
    }
  });

  test(`every frame answers every caller as the table of permissions says, on ${engine.name}`, { timeout: 120_000, skip: engine.skip }, async (t) => {
    const world = await setUp(t, engine);
    const { callers, description, run, a, b } = world;
    const faults = [];
    for (const [name, caller] of Object.entries(callers)) {
      let live;
      try {
        live = await Live.open(t, caller.rest);
      } catch (refusal) {
        if (caller.role !== null || refusal.status !== 401) faults.push(`${name}: the upgrade: ${refusal.message}`);
        continue;
      }
      if (caller.role === null) faults.push(`${name} has a socket`);
      for (const [type, permission] of Object.entries(description['x-frames'])) {
        const example = frames[type];
        assert.ok(example, `${type}: how is it sent? Add an example.`);
        for (const { whose, owner: owner_, missing, forbidden, share } of cases(example, caller, world)) {
          const sql = [];
          const id = example.row && makers[example.row](owner_, sql, share);
          if (sql.length) await run(sql);
          const answer = await live.request({ type, ...example.frame(id, caller) });
          const got = answer.type === 'error' ? answer.problem.code : answer.type;
          const refused = forbidden || !allowed(description, permission, caller);
          const wanted = refused ? 'permission_denied' : missing ? 'not_found' : example.ok;
          if (got !== wanted) faults.push(`${type} by ${name}, ${whose}: ${got}, wanted ${wanted}`);
        }
      }
      const foreign = caller.workspace === a.workspace ? b : a;
      const told = JSON.stringify(live.frames);
      for (const secret of [foreign.canary, foreign.workspace]) {
        if (told.includes(secret)) faults.push(`${name} was told ${secret}`);
      }
    }
    assert.deepEqual(faults, []);
  });

  test(`the doors beside the API, on ${engine.name}`, { timeout: 60_000, skip: engine.skip }, async (t) => {
    const { callers } = await setUp(t, engine);
    const chat = { messages: [{ role: 'user', content: 'hello' }] };
    const rpc = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } } };
    const doors = {
      '/v1/models': [1, (rest) => rest.get('/v1/models')],
      '/v1/chat/completions': [1, (rest) => rest.post('/v1/chat/completions', chat)],
      '/mcp': [1, (rest) => rest.post('/mcp', rpc, { accept: 'application/json, text/event-stream' })],
      // As it looks from another machine.
      '/metrics': [3, (rest) => rest.get('/metrics', { 'x-forwarded-for': '192.0.2.1' })],
    };
    for (const [door, [least, call]] of Object.entries(doors)) {
      for (const [name, caller] of Object.entries(callers)) {
        const foreign = door === '/metrics' && name === 'stranger'; // owns a workspace, but not this server's first
        const wanted = caller.role === null ? 401 : ranks[caller.role] < least || foreign ? 403 : 200;
        const answer = await call(caller.rest);
        assert.equal(answer.status, wanted, `${door} by ${name}: ${answer.text.slice(0, 300)}`);
      }
    }
  });
}
