// Stop means stop: the model request ends, the tool ends, and what was said until then is kept.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { assertProblem, assertProblemBody, newId } from './lib/rest.mjs';
import { until, within } from './lib/poll.mjs';

const options = { timeout: 60_000 };

async function setUp(t) {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const rest = await server.program();
  const live = await Live.open(t, rest);
  const { id } = await rest.conversation();
  await live.subscribe(id);
  return { model, server, rest, live, id };
}

test('cancel in the middle of an answer', options, async (t) => {
  const { model, rest, live, id } = await setUp(t);
  const hold = model.hold('stop me');
  const { turn } = await live.send(id, 'stop me');
  await within('the model request', hold.started);
  hold.send('half an ');
  hold.send('answer');
  await until('the text', () => live.view(turn.id)?.text === 'half an answer');
  const answer = await live.cancel(turn.id);
  assert.equal(answer.type, 'cancelling');
  assert.equal(answer.turn_id, turn.id);
  assert.equal((await within('the model to be left alone', hold.closed, 1000)).aborted, true);
  const view = await live.finished(turn.id);
  assert.equal(view.turn.status, 'cancelled');
  assert.equal(view.message.status, 'stopped');
  assert.equal(view.message.content, 'half an answer');
  const messages = await rest.messages(id);
  assert.deepEqual(messages.map((m) => [m.role, m.status, m.content]),
    [['user', 'complete', 'stop me'], ['assistant', 'stopped', 'half an answer']]);
  assert.equal((await rest.get(`/api/v1/conversations/${id}`)).body.active_turn, null);
  assert.deepEqual(live.faults, []);

  const next = await rest.ask(id, 'go on');
  assert.equal(next.turn.status, 'done');
  const told = model.requests.at(-1).messages.filter((m) => m.role === 'assistant').map((m) => m.content);
  assert.deepEqual(told, ['half an answer'], 'the model knows what the user saw');
});

test('cancel before the first word', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const hold = model.hold('nothing yet');
  const { turn } = await rest.send(id, 'nothing yet');
  await within('the model request', hold.started);
  const cancelled = await rest.post(`/api/v1/turns/${turn.id}/cancel`);
  assert.equal(cancelled.status, 202, cancelled.text);
  assert.equal(cancelled.body.id, turn.id);
  assert.equal((await within('the model to be left alone', hold.closed, 1000)).aborted, true);
  assert.equal((await rest.finished(turn.id)).status, 'cancelled');
  assert.equal((await rest.ask(id, 'next')).turn.status, 'done');
});

test('cancel while queued; the one before and the one after are answered', options, async (t) => {
  const { model, rest, live, id } = await setUp(t);
  const hold = model.hold('first');
  const turns = [];
  for (const content of ['first', 'second', 'third']) turns.push((await live.send(id, content)).turn);
  await within('the model request', hold.started);
  await live.cancel(turns[1].id);
  assert.equal((await rest.finished(turns[1].id)).status, 'cancelled');
  assert.equal((await rest.turn(turns[0].id)).status, 'running');
  hold.finish();
  for (const i of [0, 2]) assert.equal((await rest.finished(turns[i].id)).status, 'done');
  assert.deepEqual(model.requests.map((r) => r.lastUser), ['first', 'third']);
  await until('the end of the cancelled one on the socket', () => live.view(turns[1].id)?.finished);
  assert.deepEqual(live.faults, []);
});

test('cancel while tools run: nothing goes on, nothing is asked again', options, async (t) => {
  const { model, server, rest, live, id } = await setUp(t);
  // As much work as one call may be given: the tool is either stopped or was done; both are said truthfully.
  const text = 'the quick brown fox '.repeat(10_000);
  model.on('tools', (r) => r.toolResults.length > 0 ? 'should not be asked' : {
    text: 'Let me count. ', argumentSize: 8000,
    toolCalls: Array.from({ length: 8 }, () => ({ name: 'text_stats', arguments: { text } })),
  });
  const { turn } = await live.send(id, 'tools');
  await until('a running call', () => live.view(turn.id)?.events.includes('turn.tool_call'), 20_000, 1);
  await live.cancel(turn.id);
  const view = await live.finished(turn.id);
  if (view.turn.status === 'cancelled') {
    const asked = model.requests.length;
    assert.ok(asked <= 2);
    const calls = view.parts.filter((p) => p.type === 'tool_call').map((p) => p.call);
    assert.equal(calls.length, 8);
    for (const call of calls) assert.notEqual(call.status, 'running', 'no call is left open');
    assert.equal(view.message.status, 'stopped');
    assert.ok(view.message.content.startsWith('Let me count. '));
  } else {
    assert.equal(view.turn.status, 'done', 'the cancel came too late');
    t.diagnostic('the tools were faster than the cancel');
  }
  await until('every started call to be closed in the audit', async () => {
    const rows = await server.calls();
    const over = new Set(rows.filter((row) => row.outcome !== 'started').map((row) => row.call_id));
    return rows.every((row) => over.has(row.call_id));
  });
  assert.equal((await rest.ask(id, 'next')).turn.status, 'done');
  assert.deepEqual(live.faults, []);
  assert.deepEqual(model.violations, []);
});

test('cancel again, cancel what is over, cancel what never was', options, async (t) => {
  const { model, rest, live, id } = await setUp(t);
  const hold = model.hold('twice');
  const { turn } = await live.send(id, 'twice');
  await within('the model request', hold.started);
  await Promise.all([live.cancel(turn.id), live.cancel(turn.id), rest.post(`/api/v1/turns/${turn.id}/cancel`)]);
  assert.equal((await rest.finished(turn.id)).status, 'cancelled');
  const late = await rest.post(`/api/v1/turns/${turn.id}/cancel`);
  assert.equal(late.status, 202);
  assert.equal(late.body.status, 'cancelled');
  const done = await rest.ask(id, 'done already');
  assert.equal((await rest.post(`/api/v1/turns/${done.turn.id}/cancel`)).body.status, 'done');
  assert.equal((await rest.turn(done.turn.id)).status, 'done', 'a finished turn stays as it is');
  assertProblem(await rest.post(`/api/v1/turns/${newId()}/cancel`), 404, 'not_found');
  const refused = await live.cancel(newId());
  assert.equal(refused.type, 'error');
  assertProblemBody(refused.problem, 404, 'not_found');
});

test('cancel at every moment of a busy turn ends it in one of three ways', options, async (t) => {
  const { model, rest, live, id } = await setUp(t);
  model.on('busy', (r) => r.toolResults.length > 0 ? { tokens: ['so ', 'it ', 'is'], everyMs: 3 } : {
    text: 'look: ', toolCalls: [{ name: 'calculator', arguments: { expression: '6*7' } }],
  });
  const outcomes = new Set();
  for (const moment of ['turn.started', 'turn.delta', 'turn.tool_call', 'turn.tool_result', 'accepted']) {
    const { turn } = await live.send(id, `busy until ${moment}`);
    if (moment !== 'accepted') {
      await until(moment, () => live.view(turn.id)?.events.includes(moment), 20_000, 1);
    }
    await live.cancel(turn.id);
    const view = await live.finished(turn.id);
    outcomes.add(view.turn.status);
    assert.ok(['cancelled', 'done'].includes(view.turn.status), `${moment}: ${JSON.stringify(view.turn)}`);
    for (const part of view.parts) if (part.type === 'tool_call') assert.notEqual(part.call.status, 'running');
  }
  assert.ok(outcomes.has('cancelled'));
  await until('no model request to be left', () => model.active === 0, 2000);
  assert.deepEqual(live.faults, []);
  assert.deepEqual(model.violations, []);
  assert.equal((await rest.ask(id, 'and now')).turn.status, 'done');
});
