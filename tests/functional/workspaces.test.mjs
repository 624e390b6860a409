// Workspaces: several people, their roles, invitations, leaving and being removed, over the API, sockets and the
// command line.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server, sqlite } from './lib/harness.mjs';
import { Live, upgradeStatus } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { addPerson, database, join, owner } from './lib/people.mjs';
import { assertProblem, Rest } from './lib/rest.mjs';
import { within } from './lib/poll.mjs';

const options = { timeout: 60_000 };

async function setUp(t) {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const host = await owner(server);
  return { model, server, host };
}
const members = async (rest) => (await rest.get('/api/v1/members')).body.items;
const roles = async (rest) => Object.fromEntries((await members(rest)).map((m) => [m.display_name, m.role]));
const json = (made) => made.stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('an invitation is looked at, accepted once, and makes a member', options, async (t) => {
  const { server, host } = await setUp(t);
  const anna = await addPerson(server, 'Anna', { email: 'anna@example.org' });
  const made = await host.rest.post('/api/v1/invitations', { role: 'member' });
  assert.equal(made.status, 201, made.text);
  const { token, path, invitation } = made.body;
  assert.equal(path, `/invitation#token=${token}`);
  const lifetime = Date.parse(invitation.expires_at) - Date.parse(invitation.created_at);
  assert.ok(Math.abs(lifetime - 72 * 3600 * 1000) < 5000, `${lifetime} ms`);

  const nobody = new Rest(server.url);
  const seen = await nobody.post('/api/v1/invitations/look', { token });
  assert.equal(seen.status, 200, seen.text);
  assert.deepEqual(seen.body.workspace, { id: host.home, name: 'Home' });
  assert.equal(seen.body.role, 'member');
  assert.ok(!made.text.includes('token_hash') && !seen.text.includes(token));
  assertProblem(await nobody.post('/api/v1/invitations/accept', { token }), 401, 'unauthenticated');
  for (const wrong of ['x', `${token}x`, '', "' OR 1=1 --"]) {
    assertProblem(await nobody.post('/api/v1/invitations/look', { token: wrong }), wrong === '' ? 400 : 404);
  }

  const joined = await anna.rest.post('/api/v1/invitations/accept', { token });
  assert.equal(joined.status, 200, joined.text);
  assert.deepEqual([joined.body.id, joined.body.role], [host.home, 'member']);
  for (const call of ['look', 'accept', 'decline']) {
    assertProblem(await anna.rest.post(`/api/v1/invitations/${call}`, { token }), 404, 'not_found');
  }
  assert.deepEqual(await roles(host.rest), { Owner: 'owner', Anna: 'member' });
  const mine = (await anna.rest.get('/api/v1/workspaces')).body.items;
  assert.deepEqual(mine.map((w) => [w.name, w.role]), [["Anna's", 'owner'], ['Home', 'member']]);
  const inHome = await anna.key(host.home);
  assert.equal((await inHome.get('/api/v1/me')).body.workspace.role, 'member');
  // Addresses are for those who invite people.
  assert.deepEqual((await members(host.rest)).map((m) => m.email), [null, 'anna@example.org']);
  assert.deepEqual((await members(inHome)).map((m) => m.email), [null, null]);
  // The token is nowhere: not in the database, not in the logs.
  assert.equal((await sqlite(database(server), `SELECT 1 FROM invitations WHERE token_hash = '${token}'`)).length, 0);
  assert.ok(!server.output().includes(token));
});

test('invitations for an address, declined and revoked ones', options, async (t) => {
  const { server, host } = await setUp(t);
  const anna = await addPerson(server, 'Anna', { email: 'anna@example.org' });
  const bob = await addPerson(server, 'Bob');
  const invite = async (body) => (await host.rest.post('/api/v1/invitations', body)).body;
  for (const email of ['', 'x', 'a@b', 'a@b.c\r\nBcc: d@e.f', 'a b@c.d', 7]) {
    assertProblem(await host.rest.post('/api/v1/invitations', { email }), 400, 'invalid_argument');
  }
  for (const role of ['owner', 'root', '', 'Admin', null]) {
    assertProblem(await host.rest.post('/api/v1/invitations', { role }), role === 'owner' ? 403 : 400);
  }
  const mailed = await invite({ email: 'Anna@Example.org', role: 'guest' });
  assertProblem(await bob.rest.post('/api/v1/invitations/accept', { token: mailed.token }), 403, 'permission_denied');
  assert.equal((await anna.rest.post('/api/v1/invitations/accept', { token: mailed.token })).status, 200);

  const declined = await invite({});
  assert.equal((await new Rest(server.url).post('/api/v1/invitations/decline', { token: declined.token })).status, 204);
  const revoked = await invite({});
  assert.deepEqual((await host.rest.get('/api/v1/invitations')).body.items.map((i) => i.id), [revoked.invitation.id]);
  assertProblem(await bob.rest.delete(`/api/v1/invitations/${revoked.invitation.id}`), 404, 'not_found');
  assert.equal((await host.rest.delete(`/api/v1/invitations/${revoked.invitation.id}`)).status, 204);
  for (const { token } of [declined, revoked]) {
    assertProblem(await bob.rest.post('/api/v1/invitations/accept', { token }), 404, 'not_found');
  }
  const late = await invite({});
  await sqlite(database(server), `UPDATE invitations SET expires_at = 1 WHERE id = '${late.invitation.id}'`);
  assertProblem(await bob.rest.post('/api/v1/invitations/accept', { token: late.token }), 404, 'not_found');
  assert.deepEqual(await roles(host.rest), { Owner: 'owner', Anna: 'guest' });
});

test('nobody gets or gives a role above his own', options, async (t) => {
  const { server, host } = await setUp(t);
  const people = {};
  for (const [name, role] of [['Ada', 'admin'], ['Alf', 'admin'], ['Max', 'member'], ['Gus', 'guest']]) {
    people[name] = await addPerson(server, name);
    people[name].inHome = await join(host, people[name], role);
  }
  const { Ada, Alf, Max, Gus } = people;
  const set = (who, whom, role) => who.inHome.patch(`/api/v1/members/${whom.id}`, { role });
  for (const [who, whom, role] of [[Max, Gus, 'member'], [Gus, Gus, 'owner'], [Max, Max, 'admin'],
    [Ada, Alf, 'member'], [Ada, Ada, 'owner'], [Ada, host, 'guest'], [Ada, Max, 'owner']]) {
    assertProblem(await set(who, whom, role), 403, 'permission_denied');
  }
  assertProblem(await Ada.inHome.delete(`/api/v1/members/${host.id}`), 403, 'permission_denied');
  assertProblem(await Ada.inHome.delete(`/api/v1/members/${Alf.id}`), 403, 'permission_denied');
  assert.equal((await set(Ada, Gus, 'member')).body.role, 'member');
  assert.equal((await set(Ada, Max, 'admin')).body.role, 'admin');
  assertProblem(await set(Ada, Max, 'member'), 403, 'permission_denied');
  assertProblem(await set(Ada, { id: 'nobody' }, 'member'), 404, 'not_found');
  // Being somebody elsewhere is nothing here: the same user with a key of his own workspace.
  assertProblem(await Gus.rest.patch(`/api/v1/members/${Max.id}`, { role: 'guest' }), 404, 'not_found');
  assertProblem(await Gus.rest.get(`/api/v1/workspaces/${host.home}`), 404, 'not_found');
  assertProblem(await Gus.rest.delete(`/api/v1/workspaces/${host.home}`), 404, 'not_found');
  assertProblem(await Gus.rest.post(`/api/v1/workspaces/${host.home}/transfer`, { user_id: Gus.id }), 404, 'not_found');
  assert.deepEqual(await roles(host.rest), { Owner: 'owner', Ada: 'admin', Alf: 'admin', Max: 'admin', Gus: 'member' });
});

test('a change of role acts at once on keys, sockets and turns', options, async (t) => {
  const { server, host, model } = await setUp(t);
  const max = await addPerson(server, 'Max');
  const inHome = await join(host, max, 'member');
  const live = await Live.open(t, inHome);
  const { id } = await inHome.conversation('of Max');
  await live.subscribe(id);
  const hold = model.hold('long');
  const { turn } = await live.send(id, 'a long one');
  const next = await live.send(id, 'the next');
  await within('the model request', hold.started);

  assert.equal((await host.rest.patch(`/api/v1/members/${max.id}`, { role: 'guest' })).status, 200);
  assert.equal((await within('the socket to end', live.closed)).code, 4403);
  await within('the model to be left alone', hold.closed, 5000);
  for (const one of [turn, next.turn]) assert.equal((await inHome.finished(one.id)).status, 'cancelled');
  assertProblem(await inHome.post('/api/v1/conversations', {}), 403, 'permission_denied');
  const again = await Live.open(t, inHome);
  await again.subscribe(id);
  const refused = await again.request({ type: 'send', conversation_id: id, content: 'x', client_message_id: 'c' });
  assert.deepEqual([refused.type, refused.problem.code], ['error', 'permission_denied']);

  assert.equal((await host.rest.delete(`/api/v1/members/${max.id}`)).status, 204);
  assert.equal((await within('the socket to end', again.closed)).code, 4403);
  assertProblem(await inHome.get('/api/v1/me'), 401, 'unauthenticated');
  assert.equal(await upgradeStatus(server.url, inHome.headers), 401);
  assert.equal((await max.rest.get('/api/v1/me')).status, 200, 'his own workspace is his');
});

test('who was removed keeps what was private, unseen by anybody, and finds it when he returns', options, async (t) => {
  const { server, host } = await setUp(t);
  const max = await addPerson(server, 'Max');
  let inHome = await join(host, max, 'member');
  const { id } = await inHome.conversation('the albatross diary');
  await inHome.ask(id, 'nobody else reads this');
  assert.equal((await inHome.post(`/api/v1/workspaces/${host.home}/leave`)).status, 204);
  assertProblem(await inHome.get(`/api/v1/conversations/${id}`), 401, 'unauthenticated');
  assertProblem(await host.rest.get(`/api/v1/conversations/${id}`), 404, 'not_found');
  assert.deepEqual((await host.rest.get('/api/v1/conversations?q=albatross')).body.items, []);
  inHome = await join(host, max, 'guest');
  assert.equal((await inHome.get(`/api/v1/conversations/${id}`)).body.title, 'the albatross diary');
  assert.equal((await inHome.messages(id)).length, 2);
});

test('workspaces are made, renamed, transferred and deleted', options, async (t) => {
  const { server, host } = await setUp(t);
  const made = await host.rest.post('/api/v1/workspaces', { name: 'Acme 🐦' });
  assert.equal(made.status, 201, made.text);
  for (const name of ['', 'x'.repeat(101), 7, null]) {
    assertProblem(await host.rest.post('/api/v1/workspaces', { name }), [400, 413], ['invalid_argument', 'too_large']);
  }
  const acme = await host.key(made.body.id);
  acme.home = made.body.id;
  // A key acts in its own workspace only.
  assertProblem(await host.rest.get(`/api/v1/workspaces/${made.body.id}`), 404, 'not_found');
  assert.equal((await acme.patch(`/api/v1/workspaces/${made.body.id}`, { name: 'Acme' })).body.name, 'Acme');
  const { id } = await acme.conversation('in Acme');
  assertProblem(await host.rest.get(`/api/v1/conversations/${id}`), 404, 'not_found');
  assert.deepEqual((await host.rest.get('/api/v1/conversations')).body.items, []);

  const eve = await addPerson(server, 'Eve');
  const inAcme = await join({ rest: acme, home: made.body.id }, eve, 'guest');
  const live = await Live.open(t, inAcme);
  assertProblem(await acme.post(`/api/v1/workspaces/${made.body.id}/leave`), 409, 'failed_precondition');
  assertProblem(await inAcme.post(`/api/v1/workspaces/${made.body.id}/transfer`, { user_id: eve.id }), 403);
  const given = await acme.post(`/api/v1/workspaces/${made.body.id}/transfer`, { user_id: eve.id });
  assert.deepEqual([given.status, given.body.role, given.body.owner_id], [200, 'admin', eve.id]);
  assert.equal((await within('the socket of the old role to end', live.closed)).code, 4403);
  assertProblem(await acme.delete(`/api/v1/workspaces/${made.body.id}`), 403, 'permission_denied');
  const watching = await Live.open(t, acme);
  assert.equal((await inAcme.delete(`/api/v1/workspaces/${made.body.id}`)).status, 204);
  assert.equal((await within('everybody to be disconnected', watching.closed)).code, 4403);
  assertProblem(await acme.get('/api/v1/me'), 401, 'unauthenticated');
  assertProblem(await host.rest.delete(`/api/v1/workspaces/${host.home}`), 409, 'failed_precondition');
  assert.deepEqual((await sqlite(database(server),
    `SELECT COUNT(*) AS n FROM conversations WHERE workspace_id = '${made.body.id}'`))[0].n, 0);
});

test('the command line does all of it, as JSON too', options, async (t) => {
  const { server, host } = await setUp(t);
  const kim = await addPerson(server, 'Kim\u001b[31m', { email: 'kim@example.org' });
  const run = async (...args) => {
    const made = await server.cli([...args, '--json']);
    assert.equal(made.code, 0, made.all);
    return json(made);
  };
  const refused = async (pattern, ...args) => {
    const made = await server.cli(args);
    assert.equal(made.code, 1, made.all);
    assert.match(made.stderr, pattern);
  };
  const [team] = await run('workspace', 'create', 'Team');
  assert.deepEqual((await run('workspace', 'list')).map((w) => w.name).sort(), ['Home', "Kim\u001b[31m's", 'Team']);
  assert.equal((await run('workspace', 'rename', team.id, 'Crew'))[0].name, 'Crew');
  assert.equal((await run('workspace', 'show', team.id))[0].name, 'Crew');
  const [added] = await run('member', 'add', 'kim@example.org', '--workspace', team.id);
  assert.deepEqual([added.user_id, added.role], [kim.id, 'member']);
  assert.equal((await run('member', 'set-role', kim.id, 'admin', '--workspace', team.id))[0].role, 'admin');
  assert.equal((await run('member', 'list', '--workspace', team.id)).length, 2);
  assert.ok(!(await server.cli(['member', 'list', '--workspace', team.id])).stdout.includes('\u001b'));
  await refused(/member of the workspace already/, 'member', 'add', kim.id, '--workspace', team.id);
  await refused(/There is one owner/, 'member', 'set-role', kim.id, 'owner', '--workspace', team.id);
  await refused(/no user/, 'member', 'add', 'nobody@example.org');
  await refused(/no workspace/, 'workspace', 'show', 'nothing');
  await run('workspace', 'transfer', team.id, kim.id);
  assert.equal((await run('workspace', 'show', team.id))[0].owner_id, kim.id);
  await run('workspace', 'delete', team.id);
  await refused(/only workspace/, 'workspace', 'delete', host.home);
  const [theirs] = await run('workspace', 'create', 'Kims', '--owner', 'kim@example.org');
  assert.equal(theirs.owner_id, kim.id);

  const [invited] = await run('invite', 'create', '--role', 'guest');
  assert.ok(invited.link.startsWith(`${server.url}/invitation#token=`), invited.link);
  const token = invited.link.split('=')[1];
  assert.equal((await kim.rest.post('/api/v1/invitations/accept', { token })).body.role, 'guest');
  const link = (await server.cli(['invite', 'create'])).stdout.trim();
  const [open] = await run('invite', 'list');
  await run('invite', 'revoke', open.id);
  assertProblem(await kim.rest.post('/api/v1/invitations/look', { token: link.split('=')[1] }), 404, 'not_found');
  await run('member', 'remove', kim.id);
  assert.deepEqual((await run('member', 'list')).map((m) => m.user_id), [host.id]);
  // Links begin where people reach the server, if that is known.
  const outside = { env: { ...server.env, LIBREBIRD_PUBLIC_URL: 'https://bird.example/' } };
  assert.match((await server.cli(['invite', 'create'], outside)).stdout, /^https:\/\/bird\.example\/invitation#token=/m);
  assert.match((await server.cli(['sign-in-link'], outside)).stdout, /^https:\/\/bird\.example\/sign-in#token=/m);
});
