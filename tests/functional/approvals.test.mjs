// A tool that acts asks first: who is asked, what an answer does, and what becomes of a question when things break.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Cluster } from './lib/cluster.mjs';
import { Server, sqlite } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { assertProblem, assertProblemBody, newId } from './lib/rest.mjs';
import { until } from './lib/poll.mjs';

const options = { timeout: 90_000 };
const asking = { LIBREBIRD_APPROVAL_MODE: undefined }; // the default
const page = 'http://127.0.0.1:9/a%20page';

/** The model opens a page when it is told to, and then says what came of it. */
function script(model) {
  model.on('open', (r) => r.toolResults.length > 0 ? `came of it: ${r.toolResults.map((m) => m.content).join(';')}`
    : { toolCalls: [{ name: 'open_url', arguments: { url: /other/.test(r.lastUser) ? 'http://other.example/' : page } }] });
}

async function setUp(t, env = {}) {
  const model = await ModelServer.start(t);
  script(model);
  const server = await Server.start(t, { env: { ...model.env(), ...asking, ...env } });
  const rest = await server.program();
  const live = await Live.open(t, rest);
  const { id } = await rest.conversation();
  await live.subscribe(id);
  return { model, server, rest, live, id };
}

const question = (live, turn) => until('the question on the socket', () => live.view(turn.id)?.approvals[0], 20_000, 5);
const callOf = (message) => message.parts.find((p) => p.type === 'tool_call').call;

/** How often the tool was begun, by the audit log. */
async function starts(server) {
  const rows = await sqlite(path.join(server.dataDir, 'librebird.db'),
    "SELECT call_id FROM audit_chain WHERE kind = 'call_started' AND subject = 'open_url'");
  assert.equal(new Set(rows.map((row) => row.call_id)).size, rows.length, 'no call twice');
  return rows.length;
}

test('once: the exact arguments are asked about, run, and asked about again', options, async (t) => {
  const { model, server, rest, live, id } = await setUp(t);
  const { turn } = await live.send(id, 'open it');
  const asked = await question(live, turn);
  assert.deepEqual(asked.call.arguments, { url: page });
  assert.equal(asked.call.name, 'open_url');
  assert.deepEqual(asked.hosts, ['127.0.0.1']);
  assert.deepEqual([asked.state, asked.skill, asked.only_once], ['open', 'core', null]);
  assert.ok(asked.does.includes('device') && asked.does.includes('writes'));
  assert.equal(Date.parse(asked.expires_at) - Date.parse(asked.created_at), 300_000);
  const listed = (await rest.get('/api/v1/approvals')).body.items;
  assert.deepEqual(listed, [asked]);
  assert.equal(model.requests.length, 1, 'the model waits too');
  assert.equal(await starts(server), 0, 'nothing has run');

  const answer = await live.decide(asked.id, 'once');
  assert.equal(answer.type, 'decided', JSON.stringify(answer));
  assert.equal(answer.approval.state, 'granted');
  const view = await live.finished(turn.id);
  assert.notEqual(callOf(view.message).status, 'denied');
  assert.equal(await starts(server), 1);
  assertProblemBody((await live.decide(asked.id, 'deny')).problem, 409, 'failed_precondition');
  assert.deepEqual((await rest.get('/api/v1/grants')).body.items, []);

  const again = await live.send(id, 'open it again');
  const second = await question(live, again.turn);
  assert.notEqual(second.id, asked.id);
  const denied = await rest.post(`/api/v1/approvals/${second.id}/decision`, { decision: 'deny' });
  assert.equal(denied.status, 200, denied.text);
  const end = await live.finished(again.turn.id);
  assert.equal(callOf(end.message).status, 'denied');
  assert.match(callOf(end.message).result.error, /said no/);
  assert.match(end.message.content, /said no/, 'the model was told');
  assert.equal(await starts(server), 1);
  const record = (await rest.get('/api/v1/approvals?state=all')).body.items.map((a) => [a.state, a.decision]);
  assert.deepEqual(record, [['denied', 'deny'], ['granted', 'once']]);
  assert.deepEqual(live.faults, []);
  assert.deepEqual(model.violations, []);
});

test('always: this tool and host, until it is revoked', options, async (t) => {
  const { rest, live, id } = await setUp(t);
  const first = await live.send(id, 'open it');
  await live.decide((await question(live, first.turn)).id, 'always');
  await live.finished(first.turn.id);
  const [grant, ...more] = (await rest.get('/api/v1/grants')).body.items;
  assert.deepEqual(more, []);
  assert.deepEqual([grant.skill, grant.tool, grant.host, grant.program], ['core', 'open_url', '127.0.0.1', null]);
  const second = await rest.ask(id, 'open it once more');
  assert.notEqual(callOf(second.answer).status, 'denied');

  const other = await live.send(id, 'open the other');
  const asked = await question(live, other.turn);
  assert.deepEqual(asked.hosts, ['other.example']);
  await live.decide(asked.id, 'deny');
  await live.finished(other.turn.id);

  assertProblem(await rest.delete(`/api/v1/grants/${newId()}`), 404, 'not_found');
  assert.equal((await rest.delete(`/api/v1/grants/${grant.id}`)).status, 204);
  const third = await live.send(id, 'open it as before');
  await live.decide((await question(live, third.turn)).id, 'deny');
  await live.finished(third.turn.id);
  assert.deepEqual(live.faults, []);
});

test('a client that comes back, or comes late, finds the question', options, async (t) => {
  const { rest, live, id } = await setUp(t);
  const { turn } = await live.send(id, 'open it');
  const asked = await question(live, turn);
  live.drop();
  await live.resume();
  assert.deepEqual(live.view(turn.id).approvals, [asked]);
  const late = await Live.open(t, rest);
  await late.subscribe(id);
  assert.deepEqual(await question(late, turn), asked);
  const events = await rest.events(`/api/v1/turns/${turn.id}/events`);
  t.after(() => events.close?.());
  await late.decide(asked.id, 'deny');
  await live.finished(turn.id);
  await late.finished(turn.id);
  assert.deepEqual([...live.faults, ...late.faults], []);
});

test('nobody answers: no, and the conversation goes on', options, async (t) => {
  const { server, live, id, rest } = await setUp(t, { LIBREBIRD_APPROVAL_SECONDS: '1' });
  const { turn } = await live.send(id, 'open it');
  const asked = await question(live, turn);
  const view = await live.finished(turn.id);
  assert.equal(view.turn.status, 'done');
  assert.equal(callOf(view.message).status, 'denied');
  assert.match(callOf(view.message).result.error, /nobody answered.*To allow it/);
  assertProblem(await rest.post(`/api/v1/approvals/${asked.id}/decision`, { decision: 'once' }), 409, 'failed_precondition');
  assert.equal(await starts(server), 0);
  assert.equal((await rest.ask(id, 'next')).turn.status, 'done');
});

test('cancelling the turn withdraws the question', options, async (t) => {
  const { server, live, id, rest } = await setUp(t);
  const { turn } = await live.send(id, 'open it');
  const asked = await question(live, turn);
  await live.cancel(turn.id);
  assert.equal((await live.finished(turn.id)).turn.status, 'cancelled');
  assert.deepEqual((await rest.get('/api/v1/approvals')).body.items, []);
  assertProblem(await rest.post(`/api/v1/approvals/${asked.id}/decision`, { decision: 'once' }), 409, 'failed_precondition');
  assert.equal(await starts(server), 0);
  assert.equal((await rest.ask(id, 'next')).turn.status, 'done');
  assert.deepEqual(live.faults, []);
});

test('modes: of a conversation, of the workspace, and which one wins', options, async (t) => {
  const { live, id, rest } = await setUp(t);
  const policy = `/api/v1/conversations/${id}/tool-policy`;
  assert.deepEqual((await rest.get(policy)).body, { workspace: null, conversation: null, effective: 'ask' });
  assert.deepEqual((await rest.put(policy, { mode: 'auto' })).body, { workspace: null, conversation: 'auto', effective: 'auto' });
  assert.notEqual(callOf((await rest.ask(id, 'open it')).answer).status, 'denied');
  assert.equal((await rest.put('/api/v1/tool-policy', { mode: 'read_only' })).body.effective, 'read_only');
  assert.equal((await rest.get(policy)).body.effective, 'read_only', 'nothing loosens it');
  const blocked = callOf((await rest.ask(id, 'open it')).answer);
  assert.equal(blocked.status, 'denied');
  assert.match(blocked.result.error, /read_only.*To allow it/);
  assert.equal((await rest.put('/api/v1/tool-policy', { mode: null })).body.workspace, null);
  assert.equal((await rest.put(policy, { mode: null })).body.effective, 'ask');
  const { turn } = await live.send(id, 'open it');
  await live.decide((await question(live, turn)).id, 'deny');
  await live.finished(turn.id);
  for (const body of [{}, { mode: 'yolo' }, { mode: 1 }, { mode: ['auto'] }, { mode: '' }, { mode: 'auto', x: 1 }]) {
    assertProblem(await rest.put(policy, body), 400, 'invalid_argument');
  }
  assertProblem(await rest.put(`/api/v1/conversations/${newId()}/tool-policy`, { mode: 'auto' }), 404, 'not_found');
  assertProblem(await rest.get(`/api/v1/conversations/${newId()}/tool-policy`), 404, 'not_found');
});

test('hostile answers', options, async (t) => {
  const { live, id, rest, server } = await setUp(t);
  const { turn } = await live.send(id, 'open it');
  const asked = await question(live, turn);
  const path = `/api/v1/approvals/${asked.id}/decision`;
  for (const body of [{}, { decision: 'yes' }, { decision: true }, { decision: 'once', always: true }, '{', '[]']) {
    assertProblem(await rest.post(path, body), 400, 'invalid_argument');
  }
  assertProblem(await rest.post(`/api/v1/approvals/${newId()}/decision`, { decision: 'once' }), 404, 'not_found');
  assert.equal((await rest.with({ authorization: undefined }).post(path, { decision: 'once' })).status, 401);
  const browser = await server.browser();
  assert.equal((await browser.with({ 'x-csrf-token': undefined }).post(path, { decision: 'once' })).status, 403);
  assertProblemBody((await live.decide(newId(), 'once')).problem, 404, 'not_found');
  assertProblemBody((await live.decide(asked.id, 'sure')).problem, 400, 'invalid_argument');
  assertProblem(await rest.get('/api/v1/approvals?state=mine'), 400, 'invalid_argument');
  assert.equal(await starts(server), 0);
  // The same person at a browser may answer.
  assert.equal((await browser.post(path, { decision: 'once' })).status, 200);
  await live.finished(turn.id);
  assert.equal(await starts(server), 1);
});

test('kill -9 while it asks: the question is open again, and the tool runs once', options, async (t) => {
  const { server, live, id } = await setUp(t);
  const { turn } = await live.send(id, 'open it');
  const asked = await question(live, turn);
  await server.kill();
  live.drop();
  await server.start();
  await live.resume();
  const again = await until('the question', () => live.view(turn.id)?.approvals[0], 20_000, 5);
  assert.equal(again.id, asked.id, 'the same question, with the time it had');
  assert.equal(await starts(server), 0);
  assert.equal((await live.decide(again.id, 'once')).type, 'decided');
  const view = await live.finished(turn.id);
  assert.equal(view.turn.status, 'done');
  assert.notEqual(callOf(view.message).status, 'denied');
  assert.notEqual(callOf(view.message).status, 'interrupted');
  assert.equal(await starts(server), 1);
  assert.deepEqual(live.faults, []);
});

test('answered while the server was down: it goes on without asking', options, async (t) => {
  const { server, live, id } = await setUp(t);
  const { turn } = await live.send(id, 'open it');
  const asked = await question(live, turn);
  await server.kill();
  live.drop();
  const listed = await server.cli(['approval', 'list']);
  assert.match(listed.stdout, new RegExp(`${asked.id}.*open_url`));
  const decided = await server.cli(['approval', 'decide', asked.id, 'once']);
  assert.equal(decided.code, 0, decided.all);
  assert.equal(await starts(server), 0);
  await server.start();
  await live.resume();
  const view = await live.finished(turn.id);
  assert.notEqual(callOf(view.message).status, 'denied');
  assert.equal(await starts(server), 1);
});

test('three processes: brain or hands lost while it asks', options, async (t) => {
  const model = await ModelServer.start(t);
  script(model);
  const cluster = await Cluster.start(t, { env: { ...model.env(), ...asking } });
  const rest = await cluster.gateway.program();
  const live = await Live.open(t, rest);
  for (const part of ['brain', 'hands']) {
    const { id } = await rest.conversation();
    await live.subscribe(id);
    const { turn } = await live.send(id, 'open it');
    const asked = await question(live, turn);
    await cluster.kill(part);
    await cluster.spawn(part);
    const open = await until('a question that can be answered', async () => {
      const [item] = (await rest.get('/api/v1/approvals')).body.items ?? [];
      const shown = live.view(turn.id)?.approvals[0];
      return item && shown?.id === item.id && (part === 'hands' || item.id !== asked.id) ? item : undefined;
    }, 30_000, 50);
    const answer = await until('the answer to be taken', async () => {
      const tried = await live.decide(open.id, 'once');
      return tried.type === 'decided' ? tried : undefined;
    }, 20_000, 100);
    assert.equal(answer.approval.state, 'granted');
    const view = await live.finished(turn.id);
    assert.equal(view.turn.status, 'done', cluster.output());
    assert.notEqual(callOf(view.message).status, 'denied');
  }
  assert.equal(await starts(cluster.gateway), 2);
  assert.deepEqual(live.faults, []);
});

test('/v1 has nobody to ask: it says so, and the header allows it', options, async (t) => {
  const { model, server, rest } = await setUp(t);
  const ask = (headers) => rest.post('/v1/chat/completions',
    { model: 'librebird', messages: [{ role: 'user', content: 'open it' }] }, headers);
  const refused = await ask();
  assert.equal(refused.status, 200, refused.text);
  assert.match(refused.body.choices[0].message.content, /nobody to ask.*Librebird-Tool-Mode/);
  assert.equal(await starts(server), 0);
  const allowed = await ask({ 'librebird-tool-mode': 'auto' });
  assert.doesNotMatch(allowed.body.choices[0].message.content, /Blocked/);
  assert.equal(await starts(server), 1);
  await rest.put('/api/v1/tool-policy', { mode: 'read_only' });
  assert.match((await ask({ 'librebird-tool-mode': 'auto' })).body.choices[0].message.content, /read_only/);
  assert.equal((await ask({ 'librebird-tool-mode': 'please' })).status, 400);
  assert.deepEqual(model.violations, []);
});

test('the command line: refused without a terminal, --yes, modes, answers to a running server', options, async (t) => {
  const { server, live, id } = await setUp(t);
  const call = (...more) => server.cli(['tool', 'call', 'open_url', JSON.stringify({ url: page }), ...more]);
  const refused = await call();
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /nobody to ask.*--yes/);
  assert.match(refused.stderr, /denied/);
  assert.equal(await starts(server), 0);
  await call('--yes');
  assert.equal(await starts(server), 1);
  await call();
  assert.equal(await starts(server), 1, 'yes was for once');

  const { turn } = await live.send(id, 'open it');
  const asked = await question(live, turn);
  const decided = await server.cli(['approval', 'decide', asked.id, 'always']);
  assert.equal(decided.code, 0, decided.all);
  assert.equal((await live.finished(turn.id)).turn.status, 'done');
  assert.equal(await starts(server), 2);
  const grants = await server.cli(['approval', 'grants', '--json']);
  const grant = JSON.parse(grants.stdout.trim());
  assert.equal(grant.tool, 'open_url');
  assert.equal((await server.cli(['approval', 'revoke', grant.id])).code, 0);
  assert.equal((await server.cli(['approval', 'revoke', grant.id])).code, 1);
  assert.equal((await server.cli(['approval', 'decide', asked.id, 'once'])).code, 1);
  assert.equal((await server.cli(['approval', 'decide', asked.id, 'maybe'])).code, 1);

  assert.match((await server.cli(['tool-policy', 'get'])).stdout, /effective: +ask/);
  assert.equal((await server.cli(['tool-policy', 'set', 'auto'])).code, 0);
  await call();
  assert.equal(await starts(server), 3);
  assert.equal((await server.cli(['tool-policy', 'set', 'read_only', '--conversation', id])).code, 0);
  assert.match((await server.cli(['tool-policy', 'get', '--conversation', id])).stdout, /conversation: read_only/);
  assert.equal((await server.cli(['tool-policy', 'set', 'sometimes'])).code, 1);
  assert.equal((await server.cli(['tool-policy', 'set', 'default'])).code, 0);
});

test('quotas refuse, say when it works again, and outlive a restart', options, async (t) => {
  const model = await ModelServer.start(t);
  const server = new Server(t, { env: model.env() });
  fs.mkdirSync(server.dataDir, { recursive: true });
  fs.writeFileSync(`${server.dataDir}/config.toml`, '[hands.quota.user]\ncalls_per_day = 2\n');
  const call = () => server.cli(['tool', 'call', 'calculator', '{"expression":"1+1"}']);
  for (let n = 0; n < 2; n++) assert.equal((await call()).code, 0);
  const full = await call();
  assert.equal(full.code, 1);
  assert.match(full.stdout, /all 2 tool calls of this day.*works again at 00:00 UTC.*hands\.quota\.user\.calls_per_day/);
});
