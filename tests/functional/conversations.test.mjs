// Keeping conversations: names, archive, search, pages, edits, deduplication, and nobody else's.
import test from 'node:test';
import assert from 'node:assert/strict';
import path from 'node:path';
import { Server, sqlite } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { assertProblem, assertProblemBody, newId } from './lib/rest.mjs';
import { until, within } from './lib/poll.mjs';

const options = { timeout: 60_000 };

async function setUp(t) {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  return { model, server, rest: await server.program() };
}
const list = async (rest, query = '') => (await rest.get(`/api/v1/conversations${query}`)).body.items;

test('rename, archive and delete', options, async (t) => {
  const { rest } = await setUp(t);
  const { id } = await rest.conversation('first name');
  const renamed = await rest.patch(`/api/v1/conversations/${id}`, { title: 'Ein Name 🐦' });
  assert.equal(renamed.status, 200, renamed.text);
  assert.equal(renamed.body.title, 'Ein Name 🐦');
  assert.deepEqual((await list(rest)).map((c) => c.title), ['Ein Name 🐦']);

  assert.equal((await rest.patch(`/api/v1/conversations/${id}`, { archived: true })).body.archived, true);
  assert.deepEqual(await list(rest), []);
  assert.deepEqual((await list(rest, '?archived=true')).map((c) => c.id), [id]);
  assert.equal((await rest.patch(`/api/v1/conversations/${id}`, { archived: false })).body.archived, false);

  const { turn, user } = await rest.ask(id, 'remember the albatross');
  assert.equal((await rest.get(`/api/v1/conversations/${id}`)).body.title, 'Ein Name 🐦', 'a given title stays');
  assert.equal((await rest.delete(`/api/v1/conversations/${id}`)).status, 204);
  for (const gone of [`conversations/${id}`, `conversations/${id}/messages`, `turns/${turn.id}`]) {
    assertProblem(await rest.get(`/api/v1/${gone}`), 404, 'not_found');
  }
  assertProblem(await rest.post(`/api/v1/messages/${user.id}/edit`, { content: 'x', client_message_id: newId() }),
    404, 'not_found');
  assertProblem(await rest.delete(`/api/v1/conversations/${id}`), 404, 'not_found');
  assert.deepEqual(await list(rest, '?q=albatross'), [], 'a deleted conversation cannot be found');
});

test('deleting while an answer runs stops the model and the turn', options, async (t) => {
  const { rest, model } = await setUp(t);
  const hold = model.hold('long');
  const { id } = await rest.conversation();
  const { turn } = await rest.send(id, 'a long one');
  await within('the model request', hold.started);
  hold.send('some words ');
  assert.equal((await rest.delete(`/api/v1/conversations/${id}`)).status, 204);
  assert.equal((await within('the model to be left alone', hold.closed, 5000)).aborted, true);
  assertProblem(await rest.get(`/api/v1/turns/${turn.id}`), 404, 'not_found');
  const next = await rest.conversation();
  assert.equal((await rest.ask(next.id, 'still there?')).turn.status, 'done');
});

test('deleting ends what waits behind the running turn, and what listens', options, async (t) => {
  const { server, rest, model } = await setUp(t);
  const hold = model.hold('long');
  const { id } = await rest.conversation();
  const live = await Live.open(t, rest);
  await live.subscribe(id);
  const turns = [];
  for (const content of ['a long one', 'the next', 'the last']) turns.push((await rest.send(id, content)).turn);
  await within('the model request', hold.started);
  hold.send('some words ');
  const listeners = await Promise.all([0, 2].map((i) => rest.events(`/api/v1/turns/${turns[i].id}/events`)));
  const heard = listeners.map(async (events) => {
    for await (const event of events) assert.notEqual(event.event, 'turn.finished', 'nothing was answered');
  });
  await until('the words', () => live.view(turns[0].id)?.text === 'some words ');
  assert.equal((await rest.delete(`/api/v1/conversations/${id}`)).status, 204);
  assert.equal((await within('the model to be left alone', hold.closed, 2000)).aborted, true);
  await within('the event streams to end', Promise.all(heard), 5000);
  assert.equal((await live.subscribe(id).catch((error) => error)) instanceof Error, true, 'it is not found');
  assertProblem(await rest.post(`/api/v1/conversations/${id}/messages`, { content: 'x', client_message_id: newId() }), 404);
  assert.equal(model.requests.length, 1, 'what waited is not asked');
  const next = await rest.conversation();
  assert.equal((await rest.ask(next.id, 'still there?')).turn.status, 'done');
  assert.equal((await server.restart()).code, 0);
  assert.equal(model.requests.length, 2, 'nor after a restart');
});

test('search finds titles and messages and shows where', options, async (t) => {
  const { rest } = await setUp(t);
  const bird = await rest.conversation('About kingfishers');
  const fish = await rest.conversation('Dinner');
  await rest.ask(fish.id, 'how do I grill a mackerel with Zitrone?');
  await rest.ask(bird.id, 'where do they nest?');
  assert.deepEqual((await list(rest, '?q=kingfishers')).map((c) => c.id), [bird.id]);
  const [hit] = await list(rest, '?q=mackerel');
  assert.equal(hit.id, fish.id);
  assert.match(hit.snippet, /\u2068mackerel\u2069/i);
  assert.ok(!/[<>]/.test(hit.snippet), 'plain text');
  assert.deepEqual(await list(rest, '?q=walrus'), []);
  // Everything a search box may be given is a search, never a fault.
  for (const odd of ['"', '"mackerel', 'mackerel OR', 'NEAR(', '*', '(', '-', ':', 'a AND', '^x', '\\', '%', '🐦',
    'x'.repeat(300), "'; DROP TABLE messages; --"]) {
    const answer = await rest.get(`/api/v1/conversations?q=${encodeURIComponent(odd)}`);
    assert.equal(answer.status, 200, `${odd}: ${answer.text}`);
  }
});

test('conversations and messages come in pages without a gap or a double', options, async (t) => {
  const { rest } = await setUp(t);
  const made = [];
  for (let i = 0; i < 7; i++) made.unshift((await rest.conversation(`number ${i}`)).id);
  const seen = [];
  let cursor = '';
  do {
    const page = (await rest.get(`/api/v1/conversations?limit=3${cursor}`)).body;
    assert.ok(page.items.length <= 3);
    seen.push(...page.items.map((c) => c.id));
    cursor = page.next_cursor ? `&cursor=${encodeURIComponent(page.next_cursor)}` : '';
  } while (cursor);
  assert.deepEqual([...seen].sort(), [...made].sort());
  assert.equal(new Set(seen).size, seen.length);

  const id = made[0];
  for (let i = 0; i < 5; i++) await rest.ask(id, `message ${i}`);
  assert.equal((await list(rest))[0].id, id, 'the newest activity is first');
  const pages = [];
  let before = '';
  do {
    const page = (await rest.get(`/api/v1/conversations/${id}/messages?limit=4${before}`)).body;
    pages.unshift(page.items);
    before = page.next_before ? `&before=${encodeURIComponent(page.next_before)}` : '';
  } while (before);
  const contents = pages.flat().filter((m) => m.role === 'user').map((m) => m.content);
  assert.deepEqual(contents, [0, 1, 2, 3, 4].map((i) => `message ${i}`));
  assert.equal(pages.flat().length, 10);
  for (const bad of ['limit=0', 'limit=-1', 'limit=x', 'limit=100000', 'before=nonsense', 'nonsense=1']) {
    const answer = await rest.get(`/api/v1/conversations/${id}/messages?${bad}`);
    assert.ok(answer.status < 500, `${bad}: ${answer.status}`);
    if (answer.status !== 200) assertProblem(answer, [400, 404]);
  }
});

test('an edit replaces the message and everything after it; the model sees the new history', options, async (t) => {
  const { rest, model } = await setUp(t);
  const { id } = await rest.conversation();
  const first = await rest.ask(id, 'first question');
  await rest.ask(id, 'second question');
  const edited = await rest.post(`/api/v1/messages/${first.user.id}/edit`,
    { content: 'better question', client_message_id: newId() });
  assert.equal(edited.status, 202, edited.text);
  assert.equal(edited.body.message.content, 'better question');
  assert.equal((await rest.finished(edited.body.turn.id)).status, 'done');
  const messages = await rest.messages(id);
  assert.deepEqual(messages.map((m) => m.content), ['better question', 'You said: better question']);
  const asked = model.requests.at(-1).messages.filter((m) => m.role !== 'system').map((m) => m.content);
  assert.deepEqual(asked, ['better question'], 'what was replaced is not told to the model');
  assertProblem(await rest.post(`/api/v1/messages/${messages[1].id}/edit`,
    { content: 'x', client_message_id: newId() }), 400, 'invalid_argument');
});

test('regenerate answers the same message anew', options, async (t) => {
  const { rest, model } = await setUp(t);
  const { id } = await rest.conversation();
  model.on('joke', () => `joke number ${model.requests.length}`);
  const first = await rest.ask(id, 'a joke');
  const again = await rest.post(`/api/v1/messages/${first.answer.id}/regenerate`, { client_message_id: newId() });
  assert.equal(again.status, 202, again.text);
  assert.equal(again.body.message.id, first.user.id);
  await rest.finished(again.body.turn.id);
  const messages = await rest.messages(id);
  assert.equal(messages.length, 2);
  assert.equal(messages[0].id, first.user.id);
  assert.notEqual(messages[1].content, first.answer.content);
  assertProblem(await rest.post(`/api/v1/messages/${first.user.id}/regenerate`, { client_message_id: newId() }),
    400, 'invalid_argument');
});

test('edit and regenerate wait for the running turn', options, async (t) => {
  const { rest, model } = await setUp(t);
  const { id } = await rest.conversation();
  const first = await rest.ask(id, 'first');
  const hold = model.hold('second');
  const { turn } = await rest.send(id, 'second');
  await within('the model request', hold.started);
  const refused = await rest.post(`/api/v1/messages/${first.user.id}/edit`,
    { content: 'x', client_message_id: newId() });
  assertProblem(refused, [409, 412], 'failed_precondition');
  assertProblem(await rest.post(`/api/v1/messages/${first.answer.id}/regenerate`, { client_message_id: newId() }),
    [409, 412], 'failed_precondition');
  hold.finish();
  await rest.finished(turn.id);
});

test('a client message id is accepted once: REST, socket, at the same time, after a restart', options, async (t) => {
  const { rest, server, model } = await setUp(t);
  const live = await Live.open(t, rest);
  const { id } = await rest.conversation();
  const key = newId();
  const first = await rest.send(id, 'only once', key);
  assert.equal(first.duplicate, false);
  const again = await rest.post(`/api/v1/conversations/${id}/messages`,
    { content: 'only once', client_message_id: key });
  assert.equal(again.status, 200);
  assert.equal(again.body.duplicate, true);
  assert.equal(again.body.message.id, first.message.id);
  assert.equal(again.body.turn.id, first.turn.id);
  const bySocket = await live.send(id, 'only once', key);
  assert.equal(bySocket.duplicate, true);
  assert.equal(bySocket.message.id, first.message.id);

  const race = newId();
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) =>
    (i % 2 ? rest : live).send(id, 'racing', race)));
  assert.equal(new Set(answers.map((a) => a.message.id)).size, 1);
  assert.equal(new Set(answers.map((a) => a.turn.id)).size, 1);
  assert.equal(answers.filter((a) => !a.duplicate).length, 1, 'exactly one of them was the first');
  await rest.finished(answers[0].turn.id);

  await server.restart();
  const late = await rest.send(id, 'only once', key);
  assert.equal(late.duplicate, true);
  assert.equal(late.message.id, first.message.id);
  assert.deepEqual((await rest.messages(id)).map((m) => m.role), ['user', 'assistant', 'user', 'assistant']);
  assert.equal(model.requests.filter((r) => r.lastUser === 'only once').length, 1);
});

test('another user\'s things are not found, on every path', options, async (t) => {
  const { rest, server } = await setUp(t);
  const { id } = await rest.conversation('a secret plan');
  const { turn, user, answer } = await rest.ask(id, 'the owl flies at midnight');
  await server.stop();
  const database = path.join(server.dataDir, 'librebird.db');
  const stranger = '01900000-0000-7000-8000-000000000001';
  const owned = await sqlite(database, `SELECT m.name FROM sqlite_schema m WHERE m.type = 'table' AND EXISTS
    (SELECT 1 FROM pragma_table_info(m.name) c WHERE c.name = 'user_id') AND m.name IN
    ('conversations', 'messages', 'turns')`);
  assert.ok(owned.some((row) => row.name === 'conversations'), 'conversations have an owner');
  for (const { name } of owned) {
    const key = name === 'conversations' ? 'id' : 'conversation_id';
    await sqlite(database, `PRAGMA foreign_keys = OFF; UPDATE ${name} SET user_id = '${stranger}' WHERE ${key} = '${id}'`);
  }
  await server.start();

  const client_message_id = newId();
  const calls = [
    ['GET', `conversations/${id}`], ['PATCH', `conversations/${id}`, { title: 'mine' }],
    ['DELETE', `conversations/${id}`], ['GET', `conversations/${id}/messages`],
    ['POST', `conversations/${id}/messages`, { content: 'x', client_message_id }],
    ['POST', `messages/${user.id}/edit`, { content: 'x', client_message_id }],
    ['POST', `messages/${answer.id}/regenerate`, { client_message_id }],
    ['GET', `turns/${turn.id}`], ['POST', `turns/${turn.id}/cancel`], ['GET', `turns/${turn.id}/events`],
  ];
  const nobody = newId();
  for (const [method, where, body] of calls) {
    const foreign = await rest.request(method, `/api/v1/${where}`, body);
    const problem = assertProblem(foreign, 404, 'not_found');
    const unknown = await rest.request(method, `/api/v1/${where.replace(/[0-9a-f-]{36}/, nobody)}`, body);
    const same = assertProblem(unknown, 404, 'not_found');
    const plain = (p) => ({ ...p, request_id: '', detail: p.detail.replace(/[0-9a-f-]{36}/g, '') });
    assert.deepEqual(plain(problem), plain(same), `${method} ${where} does not tell foreign from absent`);
  }
  assert.deepEqual(await list(rest), []);
  assert.deepEqual(await list(rest, '?q=midnight'), []);
  const live = await Live.open(t, rest);
  for (const frame of [
    { type: 'subscribe', conversation_id: id }, { type: 'cancel', turn_id: turn.id },
    { type: 'send', conversation_id: id, content: 'x', client_message_id },
  ]) {
    const refused = await live.request(frame);
    assert.equal(refused.type, 'error', JSON.stringify(refused));
    assertProblemBody(refused.problem, 404, 'not_found');
  }
  await live.request({ type: 'ping' });
  assert.ok(!live.frames.some((f) => JSON.stringify(f).includes('midnight')), 'nothing leaks');
});
