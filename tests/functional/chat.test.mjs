// A person's first minutes: the sign-in link, a question to the demo model, and the answer on every interface.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from './lib/harness.mjs';
import { Live, upgradeStatus } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { Rest, assertProblem, newId } from './lib/rest.mjs';
import { TurnView, normal, textOf } from './lib/turn_view.mjs';
import { within } from './lib/poll.mjs';

const options = { timeout: 60_000 };
const question = 'What is 17.5% of 2340, and what is today\'s date?';
const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test('the link of the first start signs in once, with a careful cookie', options, async (t) => {
  const server = await Server.start(t);
  const [, link, token] = await server.process.line(/Sign-in link: (http:\/\/127\.0\.0\.1:\d+\/sign-in#token=(\S+))/);
  assert.ok(link.startsWith(server.url), 'the link leads to this server');
  assert.ok(token.length >= 32, 'a token that cannot be guessed');

  const stranger = new Rest(server.url, { origin: server.url });
  assertProblem(await stranger.get('/api/v1/me'), 401, 'unauthenticated');
  const signed = await stranger.post('/api/v1/session', { token });
  assert.equal(signed.status, 200, signed.text);
  assert.equal(signed.headers['set-cookie'].length, 1);
  const [cookie] = signed.headers['set-cookie'];
  assert.match(cookie, /^lb_session=[^;]{32,};/);
  assert.match(cookie, /;\s*HttpOnly/i);
  assert.match(cookie, /;\s*SameSite=Strict/i);
  assert.match(cookie, /;\s*Path=\//i);
  assert.match(signed.headers['cache-control'] ?? '', /no-store/, 'an answer with a credential is not cached');
  assertProblem(await stranger.post('/api/v1/session', { token }), 401, 'unauthenticated');

  const browser = stranger.with({ cookie: cookie.split(';')[0] });
  const me = await browser.get('/api/v1/me');
  assert.equal(me.status, 200, me.text);
  assert.deepEqual(me.body, signed.body, 'the session answers as /me does');
  assert.match(me.body.user.id, uuid7);
  assert.equal(me.body.workspace.role, 'owner');
  assert.equal(me.body.server.model.demo, true);
  assert.match(me.body.server.model.hint, /LIBREBIRD_MODEL|OPENAI/, 'the hint says how to connect a model');

  // Cross-site requests ride on the cookie but do not know the CSRF token.
  assertProblem(await browser.post('/api/v1/conversations', {}), 403);
  assertProblem(await browser.post('/api/v1/conversations', {}, { 'x-csrf-token': 'x'.repeat(43) }), 403);
  const careful = browser.with({ 'x-csrf-token': me.body.csrf_token });
  assert.equal((await careful.post('/api/v1/conversations', {})).status, 201);

  assert.equal(await upgradeStatus(server.url, { ...browser.headers }), 101);
  assert.equal(await upgradeStatus(server.url, { ...browser.headers, origin: 'https://evil.example' }), 403);
  assert.equal(await upgradeStatus(server.url, { ...browser.headers, origin: 'null' }), 403);
  assert.equal(await upgradeStatus(server.url, { ...browser.headers, origin: undefined }), 403,
    'a cookie without an Origin is no browser of ours');
  assert.equal(await upgradeStatus(server.url, { origin: server.url }), 401);

  const live = await Live.open(t, careful);
  assert.equal(live.hello.protocol, 1);
  assert.equal(live.hello.user_id, me.body.user.id);
  assert.equal((await careful.delete('/api/v1/session')).status, 204);
  assertProblem(await careful.get('/api/v1/me'), 401, 'unauthenticated');
});

test('a later link works while serving; links of before still work once', options, async (t) => {
  const server = await Server.start(t);
  const first = await server.signInToken();
  const second = await server.signInToken();
  assert.notEqual(first, second);
  await server.browser(second);
  await server.browser(first);
  await assert.rejects(server.browser(first), /401/);
  await server.restart();
  await server.browser();
});

test('the question: two sandboxed tools, streamed, and the same on every interface', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.browser();
  const live = await Live.open(t, rest);
  const conversation = await rest.conversation();
  assert.match(conversation.id, uuid7);
  assert.match(conversation.created_at, time);
  await live.subscribe(conversation.id);
  const accepted = await live.send(conversation.id, question);
  assert.equal(accepted.duplicate, false);
  assert.equal(accepted.message.content, question);
  assert.equal(accepted.turn.status, 'queued');
  const view = await live.finished(accepted.turn.id);
  assert.equal(view.turn.status, 'done', JSON.stringify(view.turn));
  assert.equal(view.events[0], 'turn.started');
  assert.ok(view.events.filter((e) => e === 'turn.delta').length > 1, `it streams: ${view.events}`);

  const calls = view.parts.filter((p) => p.type === 'tool_call').map((p) => p.call);
  assert.deepEqual(calls.map((c) => c.name).sort(), ['calculator', 'get_datetime']);
  for (const call of calls) {
    assert.equal(call.status, 'ok', JSON.stringify(call));
    assert.match(call.id, uuid7);
    assert.ok(call.duration_ms >= 0);
  }
  assert.equal(calls.find((c) => c.name === 'calculator').result.result, 409.5);
  const iso = calls.find((c) => c.name === 'get_datetime').result.iso;
  assert.ok(Math.abs(Date.parse(iso) - Date.now()) < 26 * 3600_000, iso);
  assert.match(view.text, /409\.5/);

  const messages = await rest.messages(conversation.id);
  assert.deepEqual(messages.map((m) => m.role), ['user', 'assistant']);
  assert.deepEqual(normal(messages[1]), normal(view.message));
  assert.deepEqual(normal(messages[1].parts), normal(view.streamed));
  assert.equal(messages[1].content, textOf(messages[1].parts));
  assert.equal(messages[1].status, 'complete');
  assert.equal(messages[1].model.demo, true);
  assert.equal(messages[1].error, null);
  const stored = await rest.get(`/api/v1/conversations/${conversation.id}`);
  assert.ok(stored.body.title.length > 0 && stored.body.title.length <= 120, stored.body.title);
  assert.equal(stored.body.active_turn, null);

  const audit = (await server.audit()).filter((row) => calls.some((c) => c.id === row.call_id));
  assert.deepEqual([...new Set(audit.filter((r) => r.outcome === 'ok').map((r) => r.tool))].sort(),
    ['calculator', 'get_datetime']);
  assert.deepEqual(live.faults, []);
});

test('events of the user\'s list reach every connection', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.browser();
  const tabs = [await Live.open(t, rest), await Live.open(t, rest)];
  const conversation = await rest.conversation();
  await tabs[0].subscribe(conversation.id);
  const { message } = await rest.send(conversation.id, 'hello');
  await tabs[0].frame('message.created', (f) => f.type === 'message.created' && f.message.id === message.id);
  for (const tab of tabs) {
    await tab.frame('a title', (f) => f.type === 'conversation.updated' && f.conversation.title);
  }
  assert.equal((await rest.delete(`/api/v1/conversations/${conversation.id}`)).status, 204);
  for (const tab of tabs) {
    await tab.frame('conversation.deleted', (f) =>
      f.type === 'conversation.deleted' && f.conversation_id === conversation.id);
  }
  const only = tabs[1].frames.filter((f) => !['hello', 'conversation.updated', 'conversation.deleted'].includes(f.type));
  assert.deepEqual(only, [], 'messages and turns are told to those who subscribed, and to nobody else');
  const updates = tabs[1].frames.filter((f) => f.type === 'conversation.updated');
  assert.ok(updates.length <= 3, `${updates.length} updates: they are told together`);
});

test('server-sent events tell the same as the socket, and resume', options, async (t) => {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const rest = await server.program();
  const hold = model.hold('story');
  const conversation = await rest.conversation();
  const { turn } = await rest.send(conversation.id, 'a story');
  await within('the model request', hold.started);
  for (const word of ['one ', 'two ', 'three ']) hold.send(word);

  const read = async (lastId, enough) => {
    const events = await rest.events(`/api/v1/turns/${turn.id}/events`, lastId ? { 'last-event-id': lastId } : {});
    assert.equal(events.status, 200);
    assert.match(events.headers['content-type'], /^text\/event-stream/);
    const got = [];
    for await (const event of events) {
      const data = JSON.parse(event.data);
      assert.equal(event.id, `${data.attempt}.${data.seq}`);
      got.push(data);
      if (enough(got)) break;
    }
    events.close();
    return got;
  };
  const text = (got) => textOf(got.reduce((view, event) => {
    const fault = view.apply(event);
    assert.equal(fault, undefined);
    return view;
  }, new TurnView(got[0])).parts);

  const first = await read(undefined, (got) => text(got) === 'one two three ');
  const last = first.at(-1);
  hold.send('four ');
  hold.finish();
  const rest_ = await read(`${last.attempt}.${last.seq}`, (got) => got.at(-1).type === 'turn.finished');
  assert.equal(rest_[0].seq, last.seq + 1, 'Last-Event-ID resumes right after it');
  assert.equal(text([...first, ...rest_]), 'one two three four ');
  const again = await read(undefined, () => false);
  assert.equal(again.at(-1).type, 'turn.finished', 'a finished turn tells its end and the stream ends');
  assert.equal(again.at(-1).message.content, 'one two three four ');
  assert.deepEqual(model.violations, []);
});

test('API keys: made, used, listed and revoked', options, async (t) => {
  const server = await Server.start(t);
  const owner = await server.browser();
  const made = await owner.post('/api/v1/api-keys', { name: 'my script' });
  assert.equal(made.status, 201, made.text);
  const { api_key: key, secret } = made.body;
  assert.match(secret, /^lb_\S{32,}$/);
  assert.ok(secret.startsWith(key.prefix) && key.prefix.length < 16, 'the prefix recognises, it does not reveal');
  const program = new Rest(server.url, { authorization: `Bearer ${secret}` });
  const me = await program.get('/api/v1/me');
  assert.equal(me.status, 200);
  assert.equal(me.body.csrf_token ?? null, null, 'programs need no CSRF token');
  assert.equal((await program.post('/api/v1/conversations', {})).status, 201);

  const fromCli = await server.apiKey('from the command line');
  const list = (await owner.get('/api/v1/api-keys')).body.items;
  assert.deepEqual(list.map((k) => k.name).sort(), ['from the command line', 'my script']);
  assert.ok(list.find((k) => k.id === key.id).last_used_at, 'the use is noted');
  const everything = JSON.stringify(list) + server.output();
  assert.ok(!everything.includes(secret) && !everything.includes(fromCli), 'a secret is shown once');

  const live = await Live.open(t, program);
  assert.equal((await owner.delete(`/api/v1/api-keys/${key.id}`)).status, 204);
  assertProblem(await program.get('/api/v1/me'), 401, 'unauthenticated');
  await assert.rejects(Live.open(t, program), (error) => error.status === 401);
  const end = await within('the socket of a revoked key to close', live.closed, 15_000);
  assert.equal(end.code, 4401);
  assertProblem(await owner.delete(`/api/v1/api-keys/${key.id}`), 404, 'not_found');
  assertProblem(await owner.delete(`/api/v1/api-keys/${newId()}`), 404, 'not_found');
});

test('an API key reaches /v1, the cookie of a browser does not need to', options, async (t) => {
  const server = await Server.start(t);
  const program = await server.program();
  const answer = await program.post('/v1/chat/completions',
    { model: 'demo', messages: [{ role: 'user', content: question }] });
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.body.choices[0].message.content, /409\.5/);
  const refused = await new Rest(server.url).post('/v1/chat/completions', { model: 'demo', messages: [] });
  assert.equal(refused.status, 401);
  assert.equal(typeof refused.body.error.message, 'string', 'the error has the shape of /v1');
});

test('the tools that are offered are described', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const { items } = (await rest.get('/api/v1/tools')).body;
  const names = items.map((tool) => tool.name);
  for (const name of ['calculator', 'get_datetime', 'text_case', 'json_prettify', 'csv_to_json', 'text_stats',
    'markdown_to_html', 'base64_encode_decode']) assert.ok(names.includes(name), `${name} in ${names}`);
  assert.deepEqual(names, [...names].sort());
  for (const tool of items) {
    assert.equal(tool.parameters.type, 'object', tool.name);
    assert.ok(['sandbox', 'device'].includes(tool.runs_on));
    assert.ok(Array.isArray(tool.network));
    assert.equal(typeof tool.idempotent, 'boolean');
    assert.ok(tool.description && tool.skill);
  }
  const listed = await server.cli(['tool', 'list', '--json']);
  assert.equal(listed.code, 0, listed.all);
  const parsed = JSON.parse(listed.stdout);
  assert.deepEqual((parsed.items ?? parsed).map((tool) => tool.name).sort(), names);
  const called = await server.cli(['tool', 'call', 'calculator', '{"expression":"2+2"}']);
  assert.equal(called.code, 0, called.all);
  assert.equal(JSON.parse(called.stdout).result, 4);
  assert.equal((await server.cli(['tool', 'call', 'calculator', '{"expression":"2+"}'])).code, 1);
  assert.equal((await server.cli(['tool', 'call', 'calculator', '{not json'])).code, 1);
  assert.equal((await server.cli(['tool', 'call', 'no_such_tool', '{}'])).code, 1);
});
