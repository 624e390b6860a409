// The same platform as three processes over gRPC, and what happens when one of them dies.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Cluster } from './lib/cluster.mjs';
import { cli } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { assertProblem } from './lib/rest.mjs';
import { until, within } from './lib/poll.mjs';
import { textOf } from './lib/turn_view.mjs';

const options = { timeout: 90_000 };

async function setUp(t, cluster = {}) {
  const model = await ModelServer.start(t);
  const all = await Cluster.start(t, { env: model.env(), ...cluster });
  const rest = await all.gateway.program();
  const live = await Live.open(t, rest);
  const { id } = await rest.conversation();
  await live.subscribe(id);
  return { model, cluster: all, rest, live, id };
}

test('a tool-using chat streams through all three', options, async (t) => {
  const { model, cluster, rest, live, id } = await setUp(t);
  model.on('percent', (r) => r.toolResults.length > 0
    ? { text: `It is ${JSON.parse(r.toolResults[0].content).result}, as asked.`, size: 4, everyMs: 10 }
    : { text: 'Let me see. ', toolCalls: [{ name: 'calculator', arguments: { expression: '2340*0.175' } }] });
  const { turn } = await live.send(id, 'percent');
  const view = await live.finished(turn.id);
  assert.equal(view.turn.status, 'done', JSON.stringify(view.turn));
  assert.ok(view.events.filter((e) => e === 'turn.delta').length > 3, 'it streams');
  const [call] = view.parts.filter((p) => p.type === 'tool_call').map((p) => p.call);
  assert.equal(call.status, 'ok');
  assert.equal(call.result.result, 409.5);
  assert.match(view.text, /It is 409\.5, as asked\.$/);
  assert.ok((await rest.get('/api/v1/tools')).body.items.length > 5);
  assert.deepEqual(live.faults, []);
  assert.deepEqual(model.violations, []);
  for (const part of Object.values(cluster.parts)) {
    assert.deepEqual(await part.process.stop(), { code: 0, signal: null }, part.process.describe());
  }
  assert.deepEqual(await cluster.gateway.stop(), { code: 0, signal: null });
});

test('words arrive while the model speaks, and stop reaches it through both', options, async (t) => {
  const { model, live, id } = await setUp(t);
  const hold = model.hold('slow');
  const { turn } = await live.send(id, 'slow');
  await within('the model request', hold.started);
  hold.send('one ');
  await until('the first word', () => live.view(turn.id)?.text === 'one ');
  await live.cancel(turn.id);
  assert.equal((await within('the model to be left alone', hold.closed, 1500)).aborted, true);
  const view = await live.finished(turn.id);
  assert.equal(view.turn.status, 'cancelled');
  assert.equal(view.message.content, 'one ');
  assert.deepEqual(live.faults, []);
});

test('the brain is killed in the middle of an answer and comes back: answered exactly once', options, async (t) => {
  const { model, cluster, rest, live, id } = await setUp(t);
  let asked = 0;
  const hold = model.hold((r) => r.lastUser.includes('phoenix') && r.toolResults.length > 0);
  model.on((r) => r.lastUser.includes('phoenix') && hold.used && r.toolResults.length > 0, 'Here is the whole answer.');
  model.on((r) => r.lastUser.includes('phoenix') && r.toolResults.length === 0, () => {
    asked++;
    return { text: 'First, a sum.', toolCalls: [{ name: 'calculator', arguments: { expression: '20+22' } }] };
  });
  const { turn } = await live.send(id, 'phoenix');
  await within('the second model request', hold.started);
  hold.send('Here is half of');
  await until('half of it', () => live.view(turn.id)?.text.endsWith('half of'));
  await cluster.kill('brain');
  await cluster.spawn('brain');
  const end = await rest.finished(turn.id, 60_000);
  assert.equal(end.status, 'done', JSON.stringify(end));
  const messages = await rest.messages(id);
  assert.deepEqual(messages.map((m) => m.role), ['user', 'assistant']);
  assert.equal(messages[1].content, 'First, a sum.\n\nHere is the whole answer.');
  assert.equal(asked, 1, 'the step that was journaled is not repeated');
  const calls = messages[1].parts.filter((p) => p.type === 'tool_call');
  assert.equal(calls.length, 1);
  const ran = (await cluster.gateway.calls()).filter((row) => row.call_id === calls[0].call.id && row.outcome === 'ok');
  assert.equal(ran.length, 1, 'the tool ran once');
  await until('the socket to know the end', () => live.view(turn.id)?.finished);
  const view = live.view(turn.id);
  assert.equal(view.message.content, messages[1].content);
  assert.deepEqual([...view.attempts], [1, 2], 'the second attempt is called so');
  assert.equal(view.turn.attempt, 2);
  assert.equal(textOf(view.streamed), messages[1].content, 'nothing of the lost half stays or is doubled');
  assert.equal(cluster.gateway.process.running, true);
  assert.deepEqual(live.faults, []);
  assert.deepEqual(model.violations, []);
});

test('the brain is away: the message is kept, and answered when it is back', options, async (t) => {
  const { cluster, rest, id } = await setUp(t);
  await cluster.kill('brain');
  const { turn } = await rest.send(id, 'anybody there?');
  assert.ok(['queued', 'running', 'failed'].includes((await rest.turn(turn.id)).status));
  await cluster.spawn('brain');
  const end = await rest.finished(turn.id, 60_000);
  if (end.status === 'failed') { // gave up: then it says why, and the next one is answered
    assert.equal(end.error.code, 'unavailable');
  } else {
    assert.equal(end.status, 'done');
  }
  assert.equal((await rest.ask(id, 'and now?')).turn.status, 'done');
});

test('the hands are killed during a tool: reported, not repeated, and the chat goes on', options, async (t) => {
  const { model, cluster, rest, live, id } = await setUp(t);
  const text = 'the quick brown fox '.repeat(5000);
  model.on('work', (r) => r.toolResults.length > 0 ? 'I was told.'
    : { argumentSize: 8000, toolCalls: Array.from({ length: 16 }, () => ({ name: 'text_stats', arguments: { text } })) });
  const { turn } = await live.send(id, 'work');
  await until('a running tool', () => live.view(turn.id)?.events.includes('turn.tool_call'), 20_000, 1);
  await cluster.kill('hands');
  await cluster.spawn('hands');
  const end = await rest.finished(turn.id, 60_000);
  const answer = (await rest.messages(id)).find((m) => m.role === 'assistant');
  assert.equal(end.status, 'done', JSON.stringify(end));
  const calls = answer.parts.filter((p) => p.type === 'tool_call').map((p) => p.call);
  assert.equal(calls.length, 16);
  for (const call of calls) assert.ok(['ok', 'interrupted', 'error'].includes(call.status), JSON.stringify(call));
  assert.equal(answer.content, 'I was told.');
  t.diagnostic(`statuses: ${calls.map((c) => c.status)}`);
  model.on('sum', (r) => r.toolResults.length > 0 ? r.toolResults[0].content
    : { toolCalls: [{ name: 'calculator', arguments: { expression: '1+1' } }] });
  const next = await rest.ask(id, 'sum');
  assert.match(next.answer.content, /"result":\s*2/);
  assert.deepEqual(live.faults, []);
  assert.deepEqual(model.violations, []);
});

test('the gateway is killed: its turn goes on after the restart', options, async (t) => {
  const { model, cluster, rest, live, id } = await setUp(t);
  model.on('gateway', 'the answer of the second attempt');
  const hold = model.hold('gateway');
  const { turn } = await live.send(id, 'gateway');
  await within('the model request', hold.started);
  hold.send('lost ');
  await until('a word', () => live.view(turn.id)?.text === 'lost ');
  await cluster.gateway.kill();
  assert.equal((await within('the model request of the lost gateway to end', hold.closed, 10_000)).aborted, true);
  live.drop();
  await cluster.gateway.start();
  const end = await rest.finished(turn.id, 60_000);
  assert.equal(end.status, 'done');
  assert.deepEqual((await rest.messages(id)).map((m) => m.content), ['gateway', 'the answer of the second attempt']);
});

for (const odd of ['brain', 'hands']) {
  test(`a ${odd} with another secret is refused`, options, async (t) => {
    const model = await ModelServer.start(t);
    model.on('tool', (r) => r.toolResults.length > 0 ? 'told'
      : { toolCalls: [{ name: 'calculator', arguments: { expression: '1+1' } }] });
    const cluster = await Cluster.start(t, {
      env: model.env(), secrets: { [odd]: 'quite-another-secret-9876543210-abc' },
    }).catch((error) => ({ refused: error }));
    if (cluster.refused) { // not ready is a good answer, too
      assert.match(cluster.refused.message, /readyz|secret|unauth/i);
      return;
    }
    const rest = await cluster.gateway.program();
    const { id } = await rest.conversation();
    const { turn, answer } = await rest.ask(id, 'tool', 60_000);
    const calls = answer?.parts.filter((p) => p.type === 'tool_call') ?? [];
    assert.ok(turn.status === 'failed' || calls.every((p) => p.call.status !== 'ok'), JSON.stringify({ turn, calls }));
    const rows = await cluster.gateway.calls();
    assert.ok(!rows.some((row) => row.outcome === 'ok'), 'no tool ran for a stranger');
    assert.ok(!cluster.output().includes('quite-another-secret'), 'a secret is in no log');
  });
}

test('brain and hands do not start without a secret, and not on a public address by accident', options, async (t) => {
  for (const args of [['brain', '--listen', '127.0.0.1:0'], ['hands', '--listen', '127.0.0.1:0']]) {
    const result = await cli(args, { ms: 20_000, env: {} }).catch((error) => ({ code: 0, all: String(error) }));
    assert.ok(result.code > 0, result.all);
    assert.match(result.stderr, /LIBREBIRD_RPC_SECRET/);
  }
});

test('the gateway is not ready, but alive, while the brain is away', options, async (t) => {
  const { cluster, rest } = await setUp(t);
  await cluster.kill('brain');
  await cluster.kill('hands');
  assert.equal((await rest.get('/healthz')).status, 200);
  const tools = await rest.get('/api/v1/tools');
  if (tools.status !== 200) assertProblem(tools, 503, 'unavailable');
  assert.equal((await rest.get('/api/v1/conversations')).status, 200, 'reading needs neither');
});
