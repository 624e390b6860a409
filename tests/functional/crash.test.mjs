// kill -9 at random moments under load: nothing acknowledged is lost, nothing is answered twice, no tool runs twice.
//
// KILLS=n sets the number of kills (50), SEED=n repeats a run.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Server, sqlite, tempDir } from './lib/harness.mjs';
import { Live } from './lib/live.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { isFinal, newId } from './lib/rest.mjs';
import { pause, seedFor, until } from './lib/poll.mjs';

const kills = Number(process.env.KILLS ?? 50);
const clients = 8;

test(`${kills} kills under the load of ${clients} clients`, { timeout: 120_000 + kills * 10_000 }, async (t) => {
  const random = seedFor(t);
  const model = await ModelServer.start(t);
  script(model, random);
  const home = tempDir(t);
  const opened = fakeDesktop(home);
  const server = await Server.start(t, { home, env: { ...model.env(), LIBREBIRD_APPROVAL_MODE: 'auto', PATH: `${home}/bin:${process.env.PATH}` } });
  const idempotent = await toolsOf(server);
  const rest = await server.program();
  const load = { running: true, up: true, accepted: new Map(), unsure: [], errors: [], faults: [], resent: 0 };
  const workers = Array.from({ length: clients }, (_, i) => client(rest, load, random, i));

  for (let kill = 0; kill < kills; kill++) {
    const before = load.accepted.size;
    await until('the load to make progress', () => load.accepted.size > before + random.below(3), 30_000);
    await pause(random.below(60)); // the random moment, within or between steps
    load.up = false;
    await server.kill();
    await server.start();
    load.up = true;
    if (load.errors.length > 0) break;
  }
  load.running = false;
  await Promise.all(workers);
  assert.deepEqual(load.errors, []);

  await until(() => `all turns to finish; ${load.accepted.size} accepted`, async () => {
    for (const message of load.accepted.values()) {
      if (!message.final) message.final = isFinal(await rest.turn(message.turn.id));
      if (!message.final) return false;
    }
    return true;
  }, 120_000, 100);

  // What was in doubt when the server died is sent again; either way it exists once afterwards.
  for (const send of load.unsure) {
    const answer = await rest.send(send.conversation, send.content, send.key);
    if (!load.accepted.has(send.key)) load.accepted.set(send.key, { ...answer, ...send });
    await rest.finished(answer.turn.id, 60_000);
  }
  await assertAnsweredOnce(rest, load);
  await assertDeduplicated(rest, load);
  await assertToolsRanOnce(server, idempotent, opened, rest, load);
  assert.deepEqual(load.faults, [], 'no event was lost or doubled on any socket');
  assert.deepEqual(model.violations, [], 'the history of a resumed turn keeps the contract');
  const exit = await server.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  const [{ integrity_check: verdict }] = await sqlite(path.join(server.dataDir, 'librebird.db'), 'PRAGMA integrity_check');
  assert.equal(verdict, 'ok');
  const broken = await sqlite(path.join(server.dataDir, 'librebird.db'), 'PRAGMA foreign_key_check');
  assert.deepEqual(broken, []);
  t.diagnostic(`${load.accepted.size} messages acknowledged, ${load.unsure.length} in doubt, ${load.resent} sent again, ` +
    `${model.requests.length} model requests`);
});

/** Plain answers, slow answers, answers with one or several tools, some of them not idempotent. */
function script(model, random) {
  const results = (r) => r.toolResults.map((m) => m.content).join(';');
  model.on('plain', (r) => ({ text: `plain answer to ${r.lastUser}`, size: 6 }));
  model.on('slow', (r) => ({ tokens: `slow answer to ${r.lastUser}`.split(/(?= )/), everyMs: random.between(1, 15) }));
  model.on('calc', (r) => r.toolResults.length > 0 ? `calculated ${results(r)} for ${r.lastUser}`
    : { text: 'One moment. ', toolCalls: [1, 2].map((n) => ({ name: 'calculator', arguments: { expression: `${n}+1` } })) });
  model.on('open', (r) => r.toolResults.length > 0 ? `opened ${results(r).length > 0} for ${r.lastUser}`
    : { toolCalls: [{ name: 'open_url', arguments: { url: `http://127.0.0.1:9/${encodeURIComponent(r.lastUser)}` } },
      { name: 'get_datetime', arguments: {} }] });
}

/** A desktop that only notes what it is asked to open: the side effect that must not happen twice. */
function fakeDesktop(home) {
  const file = path.join(home, 'opened.txt');
  fs.mkdirSync(path.join(home, 'bin'));
  for (const name of ['xdg-open', 'open', 'sensible-browser', 'gio']) {
    fs.writeFileSync(path.join(home, 'bin', name), `#!/bin/sh\necho "$*" >> '${file}'\n`, { mode: 0o755 });
  }
  return () => fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n') : [];
}

async function toolsOf(server) {
  const rest = await server.program();
  const { items } = (await rest.get('/api/v1/tools')).body;
  return new Map(items.map((tool) => [tool.name, tool.idempotent]));
}

async function client(rest, load, random, number) {
  const live = new Live(rest);
  const conversations = [];
  const retry = async (action) => {
    while (load.running) {
      try {
        return await action();
      } catch (error) {
        if (error.answer && ![429, 503].includes(error.answer.problem?.status)) throw error;
        live.drop();
        await until('the server to be up', () => load.up || !load.running, 60_000);
        await pause(5);
      }
    }
    return undefined;
  };
  const connected = async () => {
    if (live.socket?.readyState === 1) return;
    await live.resume();
  };
  try {
    for (let n = 0; load.running; n++) {
      if (conversations.length < 3) {
        const made = await retry(() => rest.conversation(`client ${number}`));
        if (!made) break;
        conversations.push(made.id);
      }
      const conversation = random.pick(conversations);
      const content = `${random.pick(['plain', 'slow', 'calc', 'open', 'plain'])} ${number}.${n}`;
      const send = { key: newId(), conversation, content };
      let tries = 0;
      const bySocket = random.below(2) === 0;
      const answer = await retry(async () => {
        if (tries++ > 0) load.resent++;
        if (!bySocket) return rest.send(conversation, content, send.key);
        await connected();
        if (!live.follows(conversation)) await live.subscribe(conversation);
        return live.send(conversation, content, send.key);
      });
      if (!answer) {
        load.unsure.push(send);
        break;
      }
      load.accepted.set(send.key, { ...send, message: answer.message, turn: answer.turn });
      if (random.below(3) === 0) continue; // a second message into the same or another queue at once
      await retry(async () => {
        await until('the turn to end', async () => isFinal(await rest.turn(answer.turn.id)) || !load.running, 60_000, 20);
      });
    }
  } catch (error) {
    load.errors.push(`client ${number}: ${error.stack}`);
  }
  load.faults.push(...live.faults);
  live.drop();
}

async function assertAnsweredOnce(rest, load) {
  const byConversation = new Map();
  for (const send of load.accepted.values()) {
    if (!byConversation.has(send.conversation)) byConversation.set(send.conversation, []);
    byConversation.get(send.conversation).push(send);
  }
  for (const [id, sends] of byConversation) {
    const messages = await rest.messages(id);
    for (const send of sends) {
      const asked = messages.filter((m) => m.role === 'user' && m.client_message_id === send.key);
      assert.equal(asked.length, 1, `${send.content}: acknowledged, and there once`);
      const answers = messages.filter((m) => m.role === 'assistant' && m.turn_id === send.turn.id);
      assert.equal(answers.length, 1, `${send.content}: ${answers.length} answers`);
      assert.equal(answers[0].status, 'complete', `${send.content}: ${JSON.stringify(answers[0].error)}`);
      assert.ok(answers[0].content.endsWith(send.content), `${send.content}: its own answer, whole: ${answers[0].content}`);
      for (const { call } of answers[0].parts.filter((p) => p.type === 'tool_call')) {
        assert.notEqual(call.status, 'running', `${send.content}: ${JSON.stringify(call)}`);
      }
    }
    assert.equal(messages.length, sends.length * 2, 'and nothing that nobody asked for');
    const users = messages.filter((m) => m.role === 'user').map((m) => m.id);
    assert.deepEqual(users, [...users].sort(), 'in the order of acceptance');
  }
}

async function assertDeduplicated(rest, load) {
  const all = [...load.accepted.values()];
  for (const send of all.filter((_, i) => i % Math.ceil(all.length / 50) === 0)) {
    const again = await rest.send(send.conversation, send.content, send.key);
    assert.equal(again.duplicate, true, send.content);
    assert.equal(again.message.id, send.message.id);
    assert.equal(again.turn.id, send.turn.id);
  }
}

async function assertToolsRanOnce(server, idempotent, opened, rest, load) {
  // One row a run: a second row of the same call means that it was started again.
  const database = path.join(server.dataDir, 'librebird.db');
  const again = await sqlite(database, "SELECT call_id, subject AS tool, COUNT(*) AS runs FROM audit_chain WHERE kind = 'call_started' GROUP BY call_id HAVING runs > 1");
  const forbidden = again.filter((row) => !idempotent.get(row.tool));
  assert.deepEqual(forbidden, [], 'a tool that is not idempotent ran twice');
  const listed = await server.calls();
  const counts = new Map();
  for (const row of listed) counts.set(row.call_id, [...(counts.get(row.call_id) ?? []), row]);
  for (const rows of counts.values()) {
    if (!idempotent.get(rows[0].tool)) assert.equal(rows.length, 1, `listed twice: ${JSON.stringify(rows)}`);
  }
  const verified = await server.cli(['audit', 'verify']);
  assert.equal(verified.code, 0, `the audit log is whole after all that: ${verified.all}`);
  const urls = opened();
  assert.equal(new Set(urls).size, urls.length, 'nothing was opened twice');
  // In the answers, every call is there once, wherever it was when the server died.
  const seen = new Set();
  for (const id of new Set([...load.accepted.values()].map((send) => send.conversation))) {
    for (const message of await rest.messages(id)) {
      for (const part of message.parts ?? []) {
        if (part.type !== 'tool_call') continue;
        assert.ok(!seen.has(part.call.id), `${part.call.id} appears twice`);
        seen.add(part.call.id);
      }
    }
  }
  assert.ok(seen.size > 0, 'tools were used');
}
