// The whole platform on PostgreSQL: a chat that uses tools, servers of both kinds killed in the middle, two gateways.
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { Server, cli, tempDir } from './lib/harness.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { Postgres, programs } from './lib/postgres.mjs';
import { newId } from './lib/rest.mjs';
import { until } from './lib/poll.mjs';

const skip = programs() ? false : 'no PostgreSQL server is installed';

function script(model) {
  model.on('calc', (r) => r.toolResults.length > 0 ? `It is ${r.toolResults.at(-1).content}`
    : { toolCalls: [{ name: 'calculator', arguments: { expression: '6*7' } }] });
  model.on('slow', (r) => ({ tokens: `a slow answer to ${r.lastUser}`.split(/(?= )/), everyMs: 100 }));
  model.on('plain', (r) => `plain answer to ${r.lastUser}`);
}

async function world(t, env = {}) {
  const postgres = await Postgres.start(t);
  const model = await ModelServer.start(t);
  script(model);
  const shared = { ...model.env(), DATABASE_URL: postgres.url, ...env };
  return { postgres, model, shared, server: await Server.start(t, { env: shared }) };
}

test('a chat that uses tools, and what an operator does', { skip }, async (t) => {
  const { postgres, server } = await world(t);
  const rest = await server.program();
  const conversation = await rest.conversation('numbers');
  await rest.ask(conversation.id, 'calc this');
  const messages = await rest.messages(conversation.id);
  assert.match(messages.at(-1).content, /42/);
  assert.equal((await server.audit()).filter((row) => row.tool === 'calculator').length, 1);
  const doctor = await server.cli(['doctor']);
  assert.match(doctor.all, /PostgreSQL \d+/);
  assert.match(doctor.all, /more powers than serving needs/, 'this login owns the tables');
  assert.equal((await server.cli(['audit', 'verify'])).code, 0);
  const found = await rest.get('/api/v1/conversations?query=calc');
  assert.deepEqual(found.body.items.map((item) => item.id), [conversation.id]);
  assert.equal(postgres.sql("SELECT COUNT(*) FROM turns WHERE status = 'done'", 'libre'), '1');
  assert.ok(!server.output().includes(postgres.url));
});

test('kill -9 of the server in the middle of turns: each message is answered once', { skip }, async (t) => {
  const { postgres, server } = await world(t);
  const rest = await server.program();
  for (let round = 0; round < 5; round++) {
    const conversation = await rest.conversation(`round ${round}`);
    const sends = [];
    for (const content of ['calc one', 'slow two', 'plain three']) {
      sends.push({ key: newId(), content });
      sends.at(-1).answer = await rest.send(conversation.id, content, sends.at(-1).key);
    }
    await server.kill();
    await server.start();
    for (const send of sends) {
      await rest.finished(send.answer.turn.id, 30_000);
      const again = await rest.send(conversation.id, send.content, send.key);
      assert.equal(again.turn.id, send.answer.turn.id);
    }
    const messages = await rest.messages(conversation.id);
    assert.deepEqual(messages.map((m) => m.role), ['user', 'assistant', 'user', 'assistant', 'user', 'assistant']);
  }
  assert.equal(postgres.sql('SELECT COUNT(*) FROM turns WHERE finished_at IS NULL', 'libre'), '0');
});

test('the database is killed and comes back: nothing acknowledged is lost, no server ends', { skip }, async (t) => {
  const { postgres, server } = await world(t);
  const rest = await server.program();
  const conversation = await rest.conversation('through the night');
  const slow = await rest.send(conversation.id, 'slow one', newId());
  await postgres.kill();
  const coming = postgres.start();
  // The same message until it is acknowledged, as every client does.
  const key = newId();
  const after = await until('a message to be accepted', async () => {
    try {
      return await rest.send(conversation.id, 'plain two', key);
    } catch (error) {
      assert.ok([429, 503].includes(error.answer?.problem?.status), String(error));
      return false;
    }
  }, 60_000);
  await coming;
  await rest.finished(slow.turn.id, 90_000);
  await rest.finished(after.turn.id, 90_000);
  const messages = await rest.messages(conversation.id);
  assert.equal(messages.filter((m) => m.role === 'user').length, 2);
  assert.ok(server.process.running);
});

test('two gateways on one database do not take each other\'s turns', { skip }, async (t) => {
  const { postgres, shared, server: first } = await world(t, { LIBREBIRD_MASTER_KEY: randomBytes(32).toString('hex') });
  const rest = await first.program();
  const conversation = await rest.conversation('a long answer');
  const sent = await rest.send(conversation.id, 'slow one two three four five six seven eight nine ten', newId());
  await until('the turn to run', async () => (await rest.turn(sent.turn.id)).status === 'running');
  const second = await Server.start(t, { env: shared });
  assert.equal((await rest.finished(sent.turn.id, 30_000)).status, 'done');
  assert.equal(postgres.sql(`SELECT attempt FROM turns WHERE id = '${sent.turn.id}'`, 'libre'), '1');
  // And what the second one is told, the first one knows.
  const other = await second.program();
  await other.ask(conversation.id, 'plain as well');
  assert.equal((await rest.messages(conversation.id)).length, 4);
});

test('a backup made while it is served is one moment of it, and moves to another server', { skip }, async (t) => {
  const { postgres, server, shared } = await world(t);
  const rest = await server.program();
  const { id } = await rest.conversation('kept');
  await rest.ask(id, 'plain before');
  const folder = tempDir(t);
  const file = path.join(folder, 'all.tar.gz');
  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; ++i) await rest.ask(id, `plain ${i}`);
  })();
  const made = await server.cli(['backup', file, '--with-key']);
  const current = await server.cli(['verify']);
  writing = false;
  await writer;
  assert.equal(made.code, 0, made.all);
  assert.equal(current.code, 0, current.all);
  const checked = await server.cli(['verify', file]);
  assert.equal(checked.code, 0, checked.all);

  // Into a folder, and from there to a server that is empty.
  const dataDir = path.join(folder, 'restored');
  const restored = await cli(['restore', file, '--data-dir', dataDir]);
  assert.equal(restored.code, 0, restored.all);
  postgres.sql('CREATE DATABASE second OWNER libre');
  const second = postgres.urlOf('second', 'libre');
  const moved = await cli(['migrate', '--to', second, '--data-dir', dataDir]);
  assert.equal(moved.code, 0, moved.all);
  const count = (where) => Number(postgres.sql('SELECT COUNT(*) FROM messages', where));
  assert.ok(count('second') >= 2 && count('second') <= count('libre'));
  const torn = 'SELECT COUNT(*) FROM turns t WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = t.message_id)';
  assert.equal(postgres.sql(torn, 'second'), '0', 'each turn has its question');

  // A backup changes nothing, not even what an update would.
  postgres.sql('CREATE DATABASE empty OWNER libre');
  const refused = await server.cli(['backup', path.join(folder, 'no.tar.gz')], {
    env: { ...server.env, DATABASE_URL: postgres.urlOf('empty', 'libre') } });
  assert.equal(refused.code, 1, refused.all);
  assert.match(refused.stderr, /is empty, and was not changed/);
  assert.equal(postgres.sql("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'", 'empty'), '0');
  const again = await Server.start(t, { dataDir, env: { ...shared, DATABASE_URL: second } });
  const messages = await (await again.program()).messages(id);
  assert.equal(messages[0].content, 'plain before');
});
