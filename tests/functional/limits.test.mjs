// Rate limits: by user over every way in, by address before anybody has signed in, and only who is too fast.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { addPerson } from './lib/people.mjs';
import { Rest, assertProblem } from './lib/rest.mjs';

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
