// The tests' own instruments: a strict client that cannot see a fault would prove nothing.
import test from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { atEnd } from './lib/at_end.mjs';
import { until, seeded } from './lib/poll.mjs';
import { readEvents } from './lib/sse.mjs';
import { TurnView } from './lib/turn_view.mjs';

const base = { turn_id: 't', conversation_id: 'c', attempt: 1 };
const turn = (status) => ({ id: 't', status, attempt: 1 });
const started = { ...base, type: 'turn.started', seq: 1, turn: turn('running') };
const delta = (seq, text, attempt = 1) => ({ ...base, type: 'turn.delta', seq, text, attempt });
const call = (status) => ({ id: 'k', name: 'f', arguments: {}, status, result: null, duration_ms: null });
const finished = (seq, parts, status = 'done') => ({
  ...base, type: 'turn.finished', seq, turn: turn(status), message: { parts, content: '' },
});
const play = (...events) => {
  const view = new TurnView(events[0]);
  return { view, faults: events.map((event) => view.apply(structuredClone(event))).filter(Boolean) };
};

test('a correct stream has no faults', () => {
  const tool = { type: 'tool_call', call: call('ok') };
  const { view, faults } = play(started, delta(2, 'a'), delta(3, 'b'),
    { ...base, type: 'turn.tool_call', seq: 4, call: call('running') },
    { ...base, type: 'turn.tool_result', seq: 5, call: call('ok') }, delta(6, 'c'),
    finished(7, [{ type: 'text', text: 'ab' }, tool, { type: 'text', text: 'c' }]));
  assert.deepEqual(faults, []);
  assert.equal(view.text, 'ab\n\nc');
  assert.ok(view.finished);
});

test('every fault of a stream is seen', () => {
  const faulty = {
    'a gap': [started, delta(2, 'a'), delta(4, 'b')],
    'a double': [started, delta(2, 'a'), delta(2, 'a')],
    'an empty delta': [started, delta(2, '')],
    'a second start': [started, started],
    'a result of nothing': [started, { ...base, type: 'turn.tool_result', seq: 2, call: call('ok') }],
    'a different end': [started, delta(2, 'a'), finished(3, [{ type: 'text', text: 'b' }])],
    'an unfinished end': [started, finished(2, [], 'running')],
    'life after the end': [started, finished(2, []), delta(3, 'x')],
    'an old snapshot': [started, delta(2, 'a'), delta(3, 'b'),
      { ...base, type: 'turn.snapshot', seq: 2, turn: turn('running'), parts: [] }],
    'an unknown event': [started, { ...base, type: 'turn.dance', seq: 2 }],
    'another turn': [started, { ...delta(2, 'a'), turn_id: 'other' }],
  };
  for (const [what, events] of Object.entries(faulty)) assert.equal(play(...events).faults.length, 1, what);
});

test('a new attempt and a snapshot replace what was held', () => {
  const { view, faults } = play(started, delta(2, 'lost'),
    { ...base, attempt: 2, type: 'turn.snapshot', seq: 3, turn: turn('running'), parts: [{ type: 'text', text: 'new' }] },
    delta(3, 'late', 1), delta(4, ' words', 2));
  assert.deepEqual(faults, []);
  assert.equal(view.text, 'new words');
});

test('the event stream parser follows the rules', { timeout: 10_000 }, async (t) => {
  const server = http.createServer((req, res) => {
    const bytes = Buffer.from('\n: comment\nid: 1.1\nevent: a\ndata: grüße\ndata:zwei\r\n\r\ndata: 🐦\n\nevent: none\n\ndata: cut');
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    let at = 0;
    const next = () => (at < bytes.length ? res.write(bytes.subarray(at, (at += 3)), () => setImmediate(next)) : res.end());
    next();
  }).listen(0, '127.0.0.1');
  atEnd(t, () => server.close());
  await until('the server', () => server.address());
  const got = [];
  for await (const event of await readEvents(`http://127.0.0.1:${server.address().port}/`, {})) got.push(event);
  assert.deepEqual(got, [
    { id: '1.1', event: 'a', data: 'grüße\nzwei' }, { id: '1.1', event: 'message', data: '🐦' },
  ]);
});

test('what must be undone is undone last first', async (t) => {
  const order = [];
  await t.test('inner', (inner) => {
    for (const n of [1, 2, 3]) atEnd(inner, () => order.push(n));
  });
  assert.deepEqual(order, [3, 2, 1]);
});

test('the same seed gives the same run', () => {
  const draw = () => Array.from({ length: 5 }, ((r) => () => r.below(1000))(seeded(42)));
  assert.deepEqual(draw(), draw());
});
