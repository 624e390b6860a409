// Rate limits: by user over every way in, by address before anybody has signed in, and only who is too fast.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { addPerson, join, owner } from './lib/people.mjs';
import { newId, Rest, assertProblem } from './lib/rest.mjs';

const options = { timeout: 60_000 };

/** Requests until one is refused; how many passed. */
async function untilRefused(ask, most) {
  for (let passed = 0; passed <= most; ++passed) {
    const answer = await ask();
    if (answer.status === 429) return { passed, answer };
  }
  return assert.fail(`${most} requests passed`);
}

test('a user who is too fast is told when to come back; others are not', options, async (t) => {
  const server = await Server.start(t, { env: { LIBREBIRD_REQUESTS_OF_USER: 30 } });
  const rest = await server.program();
  const { passed, answer } = await untilRefused(() => rest.get('/api/v1/me'), 60);
  assert.ok(passed >= 29, `${passed} passed`);
  const problem = assertProblem(answer, 429, 'resource_exhausted');
  assert.match(problem.detail, /Too many requests/);
  assert.equal(problem.retryable, true);
  assert.ok(Number(answer.headers['retry-after']) <= 3, answer.headers['retry-after']);
  // Another key of the same user does not help, nor another way in.
  server.secret = undefined;
  const second = await server.program();
  assertProblem(await second.get('/api/v1/conversations'), 429);
  await assert.rejects(Live.open(t, second), /429/);
  assert.equal((await second.post('/v1/chat/completions', { model: 'x', messages: [] })).status, 429);
  // Somebody else is served.
  const theirs = (await addPerson(server, 'Somebody else')).rest;
  assert.equal((await theirs.get('/api/v1/me')).status, 200);
  for (const open of ['/healthz', '/readyz']) assert.equal((await rest.get(open)).status, 200);
});

test('frames of a socket are counted with the requests, and the socket stays', options, async (t) => {
  const server = await Server.start(t, { env: { LIBREBIRD_REQUESTS_OF_CREDENTIAL: 20 } });
  const live = await Live.open(t, await server.program());
  let answer;
  for (let i = 0; i < 40 && answer?.type !== 'error'; ++i) answer = await live.request({ type: 'ping' });
  assert.match(answer.problem?.detail ?? '', /Too many requests/);
  assert.equal(answer.problem.code, 'resource_exhausted');
  assert.equal(live.socket.readyState, 1, 'it is told, not cut off');
});

test('an address is counted before anybody signed in, behind a trusted proxy by what that says', options, async (t) => {
  const server = await Server.start(t,
    { env: { LIBREBIRD_REQUESTS_OF_ADDRESS: 10, LIBREBIRD_TRUSTED_PROXIES: '127.0.0.0/8' } });
  const from = (address) => () => new Rest(server.url, { origin: server.url, 'x-forwarded-for': address })
    .get('/api/v1/auth/methods');
  const { answer } = await untilRefused(from('203.0.113.7'), 15);
  assertProblem(answer, 429, 'resource_exhausted');
  assert.notEqual((await from('203.0.113.8')()).status, 429, 'the neighbour is served');
  // One customer has a /64.
  let turn = 0;
  await untilRefused(() => from(`2001:db8::${(++turn).toString(16)}`)(), 15);
  const direct = new Rest(server.url);
  for (let i = 0; i < 30; ++i) assert.notEqual((await direct.get('/api/v1/auth/methods')).status, 429, 'this machine');
});

const say = (rest, talk) => rest.post(`/api/v1/conversations/${talk}/messages`, { content: 'hello', client_message_id: newId() });
const talkOf = async (rest) => (await rest.post('/api/v1/conversations', {})).body.id;

test('as many messages pass as the limit says, whatever way they come and however many at once', options, async (t) => {
  const server = await Server.start(t, { env: { LIBREBIRD_MESSAGES_OF_USER_A_DAY: 8 } });
  const me = await owner(server);
  const talks = await Promise.all(Array.from({ length: 6 }, () => talkOf(me.rest)));
  const live = await Live.open(t, me.rest);
  const completion = { model: 'librebird', messages: [{ role: 'user', content: 'hello' }] };
  const answers = await Promise.all([
    ...talks.map((talk) => say(me.rest, talk).then((answer) => answer.status < 300)),
    ...talks.map((talk) => live.send(talk, 'hello').then(() => true, () => false)),
    ...talks.map(() => me.rest.post('/v1/chat/completions', completion).then((answer) => answer.status === 200)),
  ]);
  assert.equal(answers.filter(Boolean).length, 8, JSON.stringify(answers));
  const problem = assertProblem(await say(me.rest, talks[0]), 429, 'resource_exhausted');
  assert.match(problem.detail, /You have used 8 of 8 messages of today \(UTC\); the count starts anew at .*T00:00:00/);
  assert.match(problem.detail, /The operator of this installation can raise the limit\./);
  assert.equal(problem.retryable, false);
  // Deleting gives nothing back; neither does another workspace.
  for (const talk of talks) await me.rest.delete(`/api/v1/conversations/${talk}`);
  assertProblem(await say(me.rest, await talkOf(me.rest)), 429);
  const other = await me.rest.post('/api/v1/workspaces', { name: 'Other' });
  const there = await me.key(other.body.id);
  assertProblem(await say(there, await talkOf(there)), 429);
  const { body } = await me.rest.get('/api/v1/me/usage');
  assert.equal(body.limits[0].used, 8);
  assert.ok(Date.parse(body.limits[0].resets_at) > Date.now());
  assert.ok(body.used.tokens_today > 0, 'what was answered is counted');
  // The operator raises it while the server runs.
  const raised = await server.cli(['user', 'limits', me.id, '--messages-a-day', '9', '--json']);
  assert.equal(raised.code, 0, raised.all);
  assert.deepEqual([JSON.parse(raised.stdout).messages_a_day, JSON.parse(raised.stdout).configured], [9, false]);
  assert.ok((await say(me.rest, await talkOf(me.rest))).status < 300);
  assertProblem(await say(me.rest, await talkOf(me.rest)), 429);
});

test('a workspace limits itself and its members, and never lifts the operator', options, async (t) => {
  const server = await Server.start(t);
  const host = await owner(server);
  const person = await addPerson(server, 'Member');
  const member = await join(host, person, 'member');
  const stranger = await addPerson(server, 'Stranger');
  const home = `/api/v1/workspaces/${host.home}`;
  const limits = { messages_a_day: 1 };
  for (const rest of [member, stranger.rest]) {
    for (const path of [`${home}/limits`, `${home}/members/${person.id}/limits`]) {
      assert.ok([403, 404].includes((await rest.put(path, limits)).status), path);
    }
    assert.ok([403, 404].includes((await rest.get(`${home}/usage`)).status));
  }
  assertProblem(await host.rest.put(`${home}/members/${stranger.id}/limits`, limits), 404);
  assertProblem(await host.rest.put(`${home}/members/${host.id}/limits`, limits), 403);
  assertProblem(await host.rest.put(`${home}/limits`, { messages_a_day: -1 }), 400);
  assertProblem(await host.rest.put(`${home}/limits`, { messages: 1 }), 400);
  assert.equal((await host.rest.put(`${home}/members/${person.id}/limits`, limits)).status, 200);
  const talk = await talkOf(member);
  assert.ok((await say(member, talk)).status < 300);
  const refused = assertProblem(await say(member, talk), 429);
  assert.match(refused.detail, /as a member of this workspace, have used 1 of 1 .* An admin of the workspace can raise/);
  const { resets_at: resetsAt, ...limit } = refused.limit;
  assert.deepEqual(limit, { of: 'member', what: 'messages_a_day', used: 1, limit: 1, raised_by: 'admin' });
  assert.match(resetsAt, /T00:00:00.000Z$/);
  assert.ok((await say(person.rest, await talkOf(person.rest))).status < 300, 'at home there is no limit');
  const set = await server.cli(['workspace', 'limits', host.home, '--bytes', '10']);
  assert.equal(set.code, 0, set.all);
  assert.equal((await host.rest.put(`${home}/limits`, { bytes: 1_000_000 })).status, 200);
  const full = assertProblem(await host.rest.post(`/api/v1/conversations/${await talkOf(host.rest)}/messages`,
    { content: 'more than ten bytes', client_message_id: newId() }), 413);
  assert.match(full.detail, /This workspace has used \d+ of 10 bytes/);
  const { body } = await host.rest.get(`${home}/usage`);
  assert.equal(body.own_limits.bytes, 1_000_000);
  assert.equal(body.members.find((one) => one.user_id === person.id).limits.messages_a_day, 1);
  const log = await server.cli(['audit', 'list', '--json', '--workspace', host.home]);
  assert.match(log.stdout, /1 messages and 0 tokens a day/);
});
