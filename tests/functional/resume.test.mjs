// Nothing of a stream is lost or doubled: broken connections, several tabs, restarts.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { seedFor, until, within } from './lib/poll.mjs';

const options = { timeout: 90_000 };

async function setUp(t) {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const rest = await server.program();
  const { id } = await rest.conversation();
  return { model, server, rest, id };
}
const words = (n, random) => Array.from({ length: n }, (_, i) =>
  random.pick(['', 'ä', '世', '🐦', '\n', '"', '\\']) + `w${i} `);

test('a connection lost at random points resumes to exactly the same text', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const random = seedFor(t);
  const tokens = words(400, random);
  const hold = model.hold('long');
  const live = await Live.open(t, rest);
  await live.subscribe(id);
  const { turn } = await live.send(id, 'a long text');
  await within('the model request', hold.started);
  let sent = 0;
  let drops = 0;
  while (sent < tokens.length) {
    const burst = random.between(1, 25);
    for (let i = 0; i < burst && sent < tokens.length; i++) hold.send(tokens[sent++]);
    switch (random.below(4)) {
      case 0: // at once, with whatever is under way
        live.drop();
        drops++;
        break;
      case 1: { // after some of it was seen
        const before = live.view(turn.id)?.seq ?? 0;
        await until('more events', () => (live.view(turn.id)?.seq ?? 0) > before);
        live.drop();
        drops++;
        break;
      }
      default:
        break;
    }
    if (!live.socket) {
      const more = random.below(20); // goes on while nobody listens
      for (let i = 0; i < more && sent < tokens.length; i++) hold.send(tokens[sent++]);
      await live.resume();
    }
  }
  hold.finish();
  const view = await live.finished(turn.id);
  assert.deepEqual(live.faults, []);
  assert.equal(view.text, tokens.join(''));
  assert.equal(view.streamed.map((p) => p.text).join(''), tokens.join(''), 'the streamed text was whole before the end');
  assert.ok(drops >= 3, `${drops} drops`);
  assert.equal(view.events.filter((e) => e === 'turn.started').length, 1);
  assert.equal(model.requests.length, 1, 'listeners come and go; the model is asked once');
  t.diagnostic(`${drops} drops`);
});

test('a connection lost around tool calls resumes to the same parts', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  model.on('count', (r) => {
    const n = r.messages.filter((m) => m.role === 'tool').length;
    if (n >= 6) return { text: 'All six are done.' };
    return { text: `step ${n} `, toolCalls: [{ name: 'calculator', arguments: { expression: `${n}+1` } }] };
  });
  const live = await Live.open(t, rest);
  await live.subscribe(id);
  const { turn } = await live.send(id, 'count');
  let seen = 0;
  while (!live.view(turn.id)?.finished) {
    await until('news', () => live.frames.length > seen, 20_000, 1);
    seen = live.frames.length;
    if (live.view(turn.id)?.finished) break;
    live.drop();
    await live.resume();
  }
  const view = live.view(turn.id);
  assert.deepEqual(live.faults, []);
  assert.equal(view.turn.status, 'done', JSON.stringify(view.turn));
  const calls = view.parts.filter((p) => p.type === 'tool_call').map((p) => p.call);
  assert.deepEqual(calls.map((c) => c.result.result), [1, 2, 3, 4, 5, 6]);
  assert.equal(new Set(calls.map((c) => c.id)).size, 6);
  assert.deepEqual(model.violations, []);
});

test('two tabs see the same, the late one from the middle', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const hold = model.hold('tabs');
  const early = await Live.open(t, rest);
  await early.subscribe(id);
  const { turn } = await early.send(id, 'two tabs');
  await within('the model request', hold.started);
  for (let i = 0; i < 50; i++) hold.send(`${i} `);
  await until('half of it', () => early.view(turn.id)?.text.endsWith('49 '));
  const late = await Live.open(t, rest);
  await late.subscribe(id);
  await until('the snapshot', () => late.view(turn.id)?.text.endsWith('49 '));
  assert.deepEqual(late.view(turn.id).events, ['turn.snapshot']);
  assert.equal(late.view(turn.id).seq, early.view(turn.id).seq);
  for (let i = 50; i < 100; i++) hold.send(`${i} `);
  hold.finish();
  const [a, b] = [await early.finished(turn.id), await late.finished(turn.id)];
  assert.equal(a.text, b.text);
  assert.deepEqual(a.parts, b.parts);
  assert.deepEqual([...early.faults, ...late.faults], []);
});

test('unsubscribe is quiet, a finished turn is told once to who asks later', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const hold = model.hold('quiet');
  const live = await Live.open(t, rest);
  await live.subscribe(id);
  const { turn } = await live.send(id, 'quiet');
  await within('the model request', hold.started);
  hold.send('heard ');
  await until('the first words', () => live.view(turn.id)?.text === 'heard ');
  const answer = await live.request({ type: 'unsubscribe', conversation_id: id });
  assert.equal(answer.type, 'unsubscribed');
  const before = live.frames.filter((f) => f.type.startsWith('turn.')).length;
  hold.send('unheard ');
  hold.finish();
  await rest.finished(turn.id);
  await live.request({ type: 'ping' });
  assert.equal(live.frames.filter((f) => f.type.startsWith('turn.')).length, before);
  await live.subscribe(id);
  const view = await live.finished(turn.id);
  assert.equal(view.text, 'heard unheard ');
  assert.deepEqual(live.faults, []);
});

test('cursors that make no sense get the whole state, or a refusal, never a hang', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const hold = model.hold('cursor');
  const first = await Live.open(t, rest);
  await first.subscribe(id);
  const { turn } = await first.send(id, 'cursor');
  await within('the model request', hold.started);
  hold.send('text ');
  const seen = await until('text', () => first.view(turn.id)?.text === 'text ' && first.view(turn.id));
  const strange = [
    { turn_id: turn.id, attempt: 99, seq: 1 }, { turn_id: turn.id, attempt: seen.attempt, seq: 1_000_000 },
    { turn_id: '01900000-0000-7000-8000-00000000dead', attempt: 1, seq: 1 },
    { turn_id: turn.id, attempt: seen.attempt, seq: 0 },
  ];
  for (const cursor of strange) {
    const live = await Live.open(t, rest);
    await live.subscribe(id, { cursor });
    await until(`the state after ${JSON.stringify(cursor)}`, () => live.view(turn.id)?.text === 'text ');
    assert.deepEqual(live.faults, []);
    live.drop();
  }
  for (const cursor of [{ turn_id: 5, attempt: 'x', seq: null }, 'cursor', -1]) {
    const answer = await first.request({ type: 'subscribe', conversation_id: id, cursor });
    assert.equal(answer.type, 'error', JSON.stringify(cursor));
    assert.equal(answer.problem.code, 'invalid_argument');
  }
  hold.finish();
  await rest.finished(turn.id);
});

test('a new attempt after kill -9 is a snapshot, and the text is whole', options, async (t) => {
  const { model, server, rest, id } = await setUp(t);
  model.on('restart', 'the answer of the second attempt');
  const first = model.hold('restart'); // the newest rule is tried first, and used once
  const live = await Live.open(t, rest);
  await live.subscribe(id);
  const { turn } = await live.send(id, 'restart');
  await within('the model request', first.started);
  first.send('lost words ');
  await until('the first words', () => live.view(turn.id)?.text === 'lost words ');
  await server.kill();
  live.drop();
  await server.start();
  await live.resume();
  const view = await live.finished(turn.id, 5000); // at once: nobody waits for the lease of the dead to run out
  assert.deepEqual(live.faults, []);
  assert.equal(view.turn.status, 'done');
  assert.equal(view.turn.attempt, 2);
  assert.equal(view.text, 'the answer of the second attempt');
  const messages = await rest.messages(id);
  assert.deepEqual(messages.map((m) => m.content), ['restart', 'the answer of the second attempt']);
});

test('several messages are answered in order, one at a time', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const hold = model.hold('number 0');
  const live = await Live.open(t, rest);
  await live.subscribe(id);
  const turns = [];
  for (let i = 0; i < 6; i++) turns.push((await live.send(id, `number ${i}`)).turn);
  await within('the model request', hold.started);
  assert.deepEqual(await Promise.all(turns.map(async ({ id: turn }) => (await rest.turn(turn)).status)),
    ['running', ...Array(5).fill('queued')]);
  hold.send('the first answer');
  hold.finish();
  for (const turn of turns) assert.equal((await live.finished(turn.id)).turn.status, 'done');
  assert.deepEqual(model.requests.map((r) => r.lastUser), [0, 1, 2, 3, 4, 5].map((i) => `number ${i}`));
  assert.equal(model.mostActive, 1, 'one turn of a conversation at a time');
  const last = model.requests.at(-1).messages.filter((m) => m.role !== 'system');
  assert.equal(last.length, 11, 'each sees the answers before it');
  assert.deepEqual(live.faults, []);
});

test('conversations are answered beside each other', options, async (t) => {
  const { model, rest } = await setUp(t);
  const holds = [0, 1, 2, 3].map((i) => model.hold(`lane ${i}`));
  const turns = [];
  for (let i = 0; i < 4; i++) turns.push((await rest.send((await rest.conversation()).id, `lane ${i}`)).turn);
  for (const hold of holds) await within('each of them', hold.started);
  for (const hold of holds.reverse()) hold.finish();
  for (const turn of turns) assert.equal((await rest.finished(turn.id)).status, 'done');
});

test('a full queue says when to come back, and what was accepted is answered', options, async (t) => {
  const { model, rest, id } = await setUp(t);
  const hold = model.hold('m0');
  const accepted = [];
  let refused;
  for (let i = 0; i < 200 && !refused; i++) {
    const answer = await rest.post(`/api/v1/conversations/${id}/messages`,
      { content: `m${i}`, client_message_id: `full-${i}` });
    if (answer.status === 202) accepted.push(answer.body.turn);
    else refused = answer;
  }
  assert.ok(refused, 'the queue has an end');
  assert.equal(refused.status, 429, refused.text);
  assert.match(refused.headers['retry-after'], /^\d+$/);
  assert.equal(refused.body.code, 'resource_exhausted');
  assert.equal(refused.body.retryable, true);
  const live = await Live.open(t, rest);
  const frame = await live.request({
    type: 'send', conversation_id: id, content: 'x', client_message_id: 'full-socket',
  });
  assert.equal(frame.type, 'error');
  assert.equal(frame.problem.code, 'resource_exhausted');
  await within('the model request', hold.started);
  hold.finish();
  for (const turn of accepted) assert.equal((await rest.finished(turn.id)).status, 'done');
  assert.equal((await rest.messages(id)).length, accepted.length * 2);
  assert.equal((await rest.ask(id, 'room again')).turn.status, 'done');
});
