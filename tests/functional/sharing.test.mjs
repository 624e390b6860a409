// Conversations that several people share: they see each other's messages, answers, presence and typing live; each acts
// as himself; and who may not take part any more is out at once.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { addPerson, join, owner } from './lib/people.mjs';
import { assertProblem, assertProblemBody, newId } from './lib/rest.mjs';
import { until, within } from './lib/poll.mjs';

const options = { timeout: 90_000 };

/** A host with Anna and Ben, members, and a conversation of the host's. */
async function setUp(t, env = {}) {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: { ...model.env(), ...env } });
  const host = await owner(server);
  host.inHome = host.rest;
  const people = { host };
  for (const name of ['Anna', 'Ben']) {
    const person = await addPerson(server, name);
    person.inHome = await join(host, person, 'member');
    people[name.toLowerCase()] = person;
  }
  const { id } = await host.rest.conversation('ours');
  const share = async (sharing) => {
    const answer = await host.rest.put(`/api/v1/conversations/${id}/sharing`, sharing);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  };
  return { model, server, ...people, id, share };
}
const person = (who, access) => ({ user_id: who.id, access });
const seen = (live, type) => live.frames.filter((f) => f.type === type);
const here = (live) => seen(live, 'presence').map((f) => [f.user_id, f.here]);

test('three people chat in one conversation and see each other live', options, async (t) => {
  const { host, anna, ben, id, share } = await setUp(t);
  const shared = await share({ people: [person(anna, 'write'), person(ben, 'write')] });
  assert.equal(shared.owner_id, host.id);
  const byId = [person(anna, 'write'), person(ben, 'write')].sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
  assert.deepEqual(shared.sharing, { workspace: 'none', people: byId });
  const everybody = [host, anna, ben];
  for (const who of everybody) {
    who.live = await Live.open(t, who.inHome);
    const answer = await who.live.subscribe(id);
    assert.deepEqual(answer.present, everybody.slice(0, everybody.indexOf(who) + 1).map((p) => p.id).sort());
  }
  await until('presence', () => here(host.live).length === 2 && here(anna.live).length === 1);
  assert.deepEqual(here(host.live), [[anna.id, true], [ben.id, true]]);
  assert.deepEqual(here(anna.live), [[ben.id, true]]);
  assert.deepEqual(here(ben.live), []);

  assert.equal((await anna.live.request({ type: 'typing', conversation_id: id })).type, 'told');
  for (const who of [host, ben]) {
    const typing = await who.live.frame('typing', (f) => f.type === 'typing');
    assert.deepEqual(typing, { type: 'typing', user_id: anna.id, conversation_id: id, typing: true });
  }
  const turns = [];
  for (const who of everybody) turns.push((await who.live.send(id, `it is ${who.name}`)).turn);
  for (const who of everybody) {
    for (const turn of turns) assert.equal((await who.live.finished(turn.id)).turn.status, 'done');
    assert.deepEqual(seen(who.live, 'message.created').map((f) => [f.message.user_id, f.message.content]),
      everybody.map((p) => [p.id, `it is ${p.name}`]));
    assert.deepEqual(who.live.faults, []);
    const stored = await who.inHome.messages(id);
    assert.deepEqual(stored.filter((m) => m.role === 'user').map((m) => m.user_id), everybody.map((p) => p.id));
  }
  // What was not theirs before is in their lists and found by search.
  for (const who of [anna, ben]) {
    assert.deepEqual((await who.inHome.get('/api/v1/conversations')).body.items.map((c) => c.id), [id]);
    assert.deepEqual((await who.inHome.get('/api/v1/conversations?q=owner')).body.items.map((c) => c.id), [id]);
    await who.live.frame('the list', (f) => f.type === 'conversation.updated' && f.conversation.id === id);
  }
  anna.live.drop();
  await until('Anna to be gone', () => here(ben.live).some(([user, is]) => user === anna.id && !is));
  await host.live.frame('no more typing', (f) => f.type === 'typing' && f.user_id === anna.id && !f.typing);
  assert.deepEqual(seen(anna.live, 'typing'), [], 'nobody is told that he types himself');
});

test('the model is told who says what', options, async (t) => {
  const { host, anna, id, share, model } = await setUp(t);
  await share({ workspace: 'write' });
  await host.rest.ask(id, 'hello');
  await anna.inHome.ask(id, 'hello from me too');
  const words = (n) => model.requests[n].body.messages.filter((m) => m.role === 'user').map((m) => m.content);
  assert.deepEqual(words(0), ['hello'], 'one person alone is not named');
  assert.deepEqual(words(1), ['Owner: hello', 'Anna: hello from me too']);
});

test('typing is coalesced, needs a subscription and the right to write', options, async (t) => {
  const { host, anna, ben, id, share } = await setUp(t);
  await share({ people: [person(anna, 'write'), person(ben, 'read')] });
  const lives = {};
  for (const [name, who] of Object.entries({ host, anna, ben })) lives[name] = await Live.open(t, who.inHome);
  const type = (live, typing) => live.request({ type: 'typing', conversation_id: id, ...(typing === undefined ? {} : { typing }) });
  assertProblemBody((await type(lives.anna)).problem, 409, 'failed_precondition');
  for (const live of Object.values(lives)) await live.subscribe(id);
  assertProblemBody((await type(lives.ben)).problem, 403, 'permission_denied');
  for (let i = 0; i < 200; ++i) assert.equal((await type(lives.anna)).type, 'told');
  assert.equal((await type(lives.anna, false)).type, 'told');
  await type(lives.anna, false);
  await lives.host.frame('the end of typing', (f) => f.type === 'typing' && !f.typing);
  const told = seen(lives.host, 'typing').map((f) => f.typing);
  assert.ok(told.length <= 6, `told ${told.length} times`);
  assert.deepEqual([told[0], told.at(-1), told.filter((x) => !x).length], [true, false, 1]);
});

test('who is to read only reads', options, async (t) => {
  const { host, anna, ben, id, share } = await setUp(t);
  const asked = await host.rest.ask(id, 'an albatross');
  await share({ people: [person(anna, 'read')] });
  const live = await Live.open(t, anna.inHome);
  await live.subscribe(id);
  assert.equal((await anna.inHome.messages(id)).length, 2);
  const refused = [
    await anna.inHome.post(`/api/v1/conversations/${id}/messages`, { content: 'x', client_message_id: newId() }),
    await anna.inHome.post(`/api/v1/messages/${asked.answer.id}/regenerate`, { client_message_id: newId() }),
    await anna.inHome.post(`/api/v1/messages/${asked.user.id}/edit`, { content: 'x', client_message_id: newId() }),
    await anna.inHome.patch(`/api/v1/conversations/${id}`, { title: 'taken' }),
    await anna.inHome.delete(`/api/v1/conversations/${id}`),
    await anna.inHome.put(`/api/v1/conversations/${id}/sharing`, { workspace: 'write' }),
    await anna.inHome.put(`/api/v1/conversations/${id}/tool-policy`, { mode: 'auto' }),
  ];
  for (const answer of refused) assertProblem(answer, 403, 'permission_denied');
  const sent = await live.request({ type: 'send', conversation_id: id, content: 'x', client_message_id: 'c' });
  assertProblemBody(sent.problem, 403, 'permission_denied');
  // For Ben there is no such conversation.
  for (const path of [`conversations/${id}`, `conversations/${id}/messages`, `turns/${asked.turn.id}`, `turns/${asked.turn.id}/events`]) {
    assertProblem(await ben.inHome.get(`/api/v1/${path}`), 404, 'not_found');
  }
  const outside = await Live.open(t, ben.inHome);
  const frame = await outside.request({ type: 'subscribe', conversation_id: id, cursor: { turn_id: asked.turn.id, attempt: 1, seq: 0 } });
  assertProblemBody(frame.problem, 404, 'not_found');
  // Events go where the conversation goes: the reader sees the next turn.
  const next = await host.rest.send(id, 'and another');
  assert.equal((await live.finished(next.turn.id)).turn.status, 'done');
  assert.ok(!JSON.stringify(outside.frames).includes('another'));
  for (const bad of [{ workspace: 'all' }, { people: [person(host, 'read')] }, { people: [{ user_id: 'x', access: 'read' }] },
    { people: [person(anna, 'none')] }, { people: [person(anna, 'read'), person(anna, 'write')] }, { people: [anna.id] },
    { people: anna.id }, { more: 1 }]) {
    assertProblem(await host.rest.put(`/api/v1/conversations/${id}/sharing`, bad), 400, 'invalid_argument');
  }
});

test('taking a share back ends it in the middle of an answer', options, async (t) => {
  const { host, anna, ben, id, share, model } = await setUp(t);
  await share({ workspace: 'read', people: [person(ben, 'write')] });
  const lives = {};
  for (const [name, who] of Object.entries({ host, anna, ben })) {
    lives[name] = await Live.open(t, who.inHome);
    await lives[name].subscribe(id);
  }
  const hold = model.hold('long');
  const { turn } = await lives.host.send(id, 'a long one');
  await within('the model request', hold.started);
  const events = await anna.inHome.events(`/api/v1/turns/${turn.id}/events`);
  const stream = (async () => {
    const heard = [];
    for await (const event of events) heard.push(event.data);
    return heard.join('\n');
  })();
  hold.send('first words ');
  for (const live of Object.values(lives)) {
    await until('the first words', () => JSON.stringify(live.frames).includes('first words'));
  }
  await share({ people: [person(ben, 'read')] });
  hold.send('secret words ');
  hold.finish();
  await lives.host.finished(turn.id);
  assert.ok((await within('the stream to end', stream)).includes('first words'));
  await lives.anna.frame('the end of it', (f) => f.type === 'conversation.deleted' && f.conversation_id === id);
  await lives.ben.finished(turn.id);
  assert.ok(!JSON.stringify(lives.anna.frames).includes('secret words'));
  assert.ok(!(await stream).includes('secret words'));
  for (const who of ['host', 'ben']) {
    assert.equal(seen(lives[who], 'conversation.deleted').length, 0, `${who} keeps it`);
  }
  await until('Anna to be gone', () => here(lives.host).some(([user, is]) => user === anna.id && !is));
  const again = await lives.anna.request({ type: 'subscribe', conversation_id: id, cursor: { turn_id: turn.id, attempt: 1, seq: 1 } });
  assertProblemBody(again.problem, 404, 'not_found');
  assertProblem(await anna.inHome.get(`/api/v1/turns/${turn.id}/events`), 404, 'not_found');
  assert.deepEqual((await anna.inHome.get('/api/v1/conversations?q=secret')).body.items, []);
  // Ben had the right to write and has it no more.
  const sent = await lives.ben.request({ type: 'send', conversation_id: id, content: 'x', client_message_id: 'c' });
  assertProblemBody(sent.problem, 403, 'permission_denied');
});

test('a turn runs as who asked: his rights, his questions', options, async (t) => {
  const { host, anna, id, share, model } = await setUp(t, { LIBREBIRD_APPROVAL_MODE: undefined });
  model.on('open', (r) => r.toolResults.length > 0 ? 'done'
    : { toolCalls: [{ name: 'open_url', arguments: { url: 'http://127.0.0.1:9/' } }] });
  await share({ people: [person(anna, 'write')] });
  const lives = [await Live.open(t, host.rest), await Live.open(t, anna.inHome)];
  for (const live of lives) await live.subscribe(id);
  // The tool acts on the server's desktop: the owner may, a member may not, wherever she asks.
  const hers = await anna.inHome.ask(id, 'open it');
  const [call] = hers.answer.parts.filter((p) => p.type === 'tool_call').map((p) => p.call);
  assert.ok(['denied', 'error'].includes(call.status), JSON.stringify(call));
  const offered = (n) => model.requests[n].body.tools.some((tool) => tool.function.name === 'open_url');
  assert.equal(offered(0), false, 'it is not even offered');
  const before = model.requests.length;
  const { turn } = await host.rest.send(id, 'open it');
  const [mine, theirs] = lives;
  const asked = await until('the question', () => mine.view(turn.id)?.approvals[0], 20_000, 5);
  assert.equal(offered(before), true);
  await until('the others to see that there is one', () => theirs.view(turn.id)?.approvals[0], 20_000, 5);
  assertProblemBody((await theirs.decide(asked.id, 'once')).problem, 404, 'not_found');
  assertProblem(await anna.inHome.post(`/api/v1/approvals/${asked.id}/decision`, { decision: 'once' }), 404, 'not_found');
  assert.deepEqual((await anna.inHome.get('/api/v1/approvals')).body.items, []);
  assert.equal((await mine.decide(asked.id, 'deny')).type, 'decided');
  assert.equal((await theirs.finished(turn.id)).turn.status, 'done');
  // Whoever takes part may stop an answer.
  const hold = model.hold('long');
  const long = await host.rest.send(id, 'a long one');
  await within('the model request', hold.started);
  assert.equal((await anna.inHome.post(`/api/v1/turns/${long.turn.id}/cancel`)).status, 202);
  assert.equal((await mine.finished(long.turn.id)).turn.status, 'cancelled');
});

test('who is removed leaves what was shared to the owner of the workspace', options, async (t) => {
  const { host, anna, ben } = await setUp(t);
  const { id } = await anna.inHome.conversation("Anna's, shared");
  const secret = await anna.inHome.conversation("Anna's alone");
  await anna.inHome.ask(id, 'an albatross');
  assert.equal((await anna.inHome.put(`/api/v1/conversations/${id}/sharing`, { people: [person(ben, 'read')] })).status, 200);
  const live = await Live.open(t, anna.inHome);
  await live.subscribe(id);
  assert.equal((await host.rest.delete(`/api/v1/members/${anna.id}`)).status, 204);
  assert.equal((await within('her socket to end', live.closed)).code, 4403);
  const kept = (await ben.inHome.get(`/api/v1/conversations/${id}`)).body;
  assert.deepEqual([kept.owner_id, kept.sharing.people], [host.id, [person(ben, 'read')]]);
  assert.equal((await host.rest.messages(id))[0].user_id, anna.id, 'it stays hers that she said it');
  assert.equal((await host.rest.delete(`/api/v1/conversations/${id}`)).status, 204);
  assertProblem(await host.rest.get(`/api/v1/conversations/${secret.id}`), 404, 'not_found');
});
