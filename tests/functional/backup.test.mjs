// Backup, restore and verify: while it is served, after a kill at any moment, and with archives of strangers.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { Process, Server, cli, sqlite, tempDir } from './lib/harness.mjs';
import { until } from './lib/poll.mjs';

const options = { timeout: 120_000 };

async function ok(promise) {
  const result = await promise;
  assert.equal(result.code, 0, result.all);
  return result;
}
async function refuses(promise, pattern) {
  const result = await promise;
  assert.equal(result.code, 1, result.all);
  assert.match(result.stderr, pattern, result.all);
  assert.equal(result.stderr.trim().split('\n').filter((line) => line.startsWith('error')).length, 1, result.all);
  return result;
}

/** A server with a conversation, a file of a tool and a setting. */
async function lived(t) {
  const server = await Server.start(t);
  const rest = await server.program();
  const { id } = await rest.conversation('kept');
  await rest.ask(id, 'hello there');
  const work = path.join(server.dataDir, 'work', 'somebody');
  fs.mkdirSync(work, { recursive: true });
  fs.writeFileSync(path.join(work, 'notes über.txt'), 'a note');
  fs.writeFileSync(path.join(server.dataDir, 'config.toml'), '[log]\nlevel = "warn"\n');
  return { server, rest, id, out: tempDir(t) };
}

test('a backup made while it is served becomes the same installation elsewhere', options, async (t) => {
  const { server, rest, id, out } = await lived(t);
  const file = path.join(out, 'all.tar.gz');
  // Messages go on arriving while the copy is made.
  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; ++i) await rest.ask(id, `message ${i}`);
  })();
  const made = await ok(server.cli(['backup', file, '--with-key']));
  writing = false;
  await writer;
  assert.match(made.stderr, /warning: whoever has this file can open every secret/);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(fs.readdirSync(out), ['all.tar.gz'], 'nothing else is left');

  const checked = await ok(cli(['verify', file], { home: out }));
  assert.match(checked.stdout, /The audit log is whole/);
  const dataDir = path.join(tempDir(t), 'new');
  await ok(cli(['restore', file, '--data-dir', dataDir], { home: out }));
  assert.equal(fs.readFileSync(path.join(dataDir, 'work/somebody/notes über.txt'), 'utf8'), 'a note');
  assert.match(fs.readFileSync(path.join(dataDir, 'config.toml'), 'utf8'), /warn/);
  await ok(cli(['verify', '--data-dir', dataDir], { home: out }));

  const again = await Server.start(t, { dataDir });
  again.secret = server.secret; // the same key opens both
  const copy = await again.program();
  const messages = (await copy.get(`/api/v1/conversations/${id}/messages`)).body.items;
  assert.ok(messages.some((message) => JSON.stringify(message).includes('hello there')));
  await copy.ask(id, 'and it goes on');
});

test('without the key it says which one is needed', options, async (t) => {
  const { server, out } = await lived(t);
  const made = await ok(server.cli(['backup', out]));
  const [file] = made.stdout.split('\n');
  assert.match(path.basename(file), /^librebird-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.tar\.gz$/);
  const [, key] = made.stderr.match(/master key (\S+):/);
  const dataDir = path.join(out, 'new');
  const restored = await ok(cli(['restore', file, '--data-dir', dataDir], { home: out }));
  assert.match(restored.stderr, new RegExp(`master key ${key} is not in the backup`));
  const refused = await cli(['serve', '--data-dir', dataDir, '--port', '0'], { home: out });
  assert.match(refused.stderr, /master key is missing/, refused.all);
  fs.copyFileSync(path.join(server.dataDir, 'master.key'), path.join(dataDir, 'master.key'));
  await Server.start(t, { dataDir });
});

test('nothing is replaced unasked, and nothing under a running server', options, async (t) => {
  const { server, out } = await lived(t);
  const file = path.join(out, 'a.tar.gz');
  await ok(server.cli(['backup', file]));
  await refuses(server.cli(['backup', file]), /is there already/);
  await ok(server.cli(['backup', file, '--force']));
  await refuses(server.cli(['restore', file, '--force']), /Another Libre Bird server works/);
  await server.stop();
  await refuses(server.cli(['restore', file]), /is not empty/);
  const forced = await ok(server.cli(['restore', file, '--force']));
  const [, aside] = forced.stdout.match(/former data folder is (\S+)/);
  assert.ok(fs.existsSync(path.join(aside, 'librebird.db')));
  assert.match(forced.stdout, /master key of the former folder is used on/);
  await server.start();
});

test('kill -9 during a backup leaves no archive, and the next one works', options, async (t) => {
  const { server, out } = await lived(t);
  // Large enough to be caught in the middle of it.
  const noise = Buffer.alloc(48 << 20);
  for (let i = 0; i < noise.length; i += 4) noise.writeUInt32LE((i * 2654435761) >>> 0, i);
  fs.writeFileSync(path.join(server.dataDir, 'work/somebody/large'), noise);
  const file = path.join(out, 'a.tar.gz');
  const unfinished = path.join(out, '.a.tar.gz.unfinished');
  for (const moment of ['copy.db', 'archive', 'spool']) {
    const running = new Process(['backup', file, '--data-dir', server.dataDir], { home: server.home });
    await until(() => `${moment} to be written; ${running.describe()}`, () => fs.existsSync(path.join(unfinished, moment)));
    await running.kill();
    assert.ok(!fs.existsSync(file), `no half archive after ${moment}`);
  }
  await ok(server.cli(['backup', file]));
  assert.deepEqual(fs.readdirSync(out), ['a.tar.gz']);

  // And during a restore: the folder is not there, or it is the whole one.
  const dataDir = path.join(out, 'new');
  for (const moment of ['librebird.db', 'work/somebody/large']) {
    const running = new Process(['restore', file, '--data-dir', dataDir], { home: out });
    await until(() => `${moment} to be unpacked; ${running.describe()}`,
      () => fs.existsSync(path.join(out, '.new.unfinished', moment)));
    await running.kill();
    assert.ok(!fs.existsSync(dataDir), `nothing half restored after ${moment}`);
  }
  await ok(cli(['restore', file, '--data-dir', dataDir], { home: out }));
  assert.deepEqual(fs.readdirSync(out).sort(), ['a.tar.gz', 'new']);
  assert.ok(fs.readFileSync(path.join(dataDir, 'work/somebody/large')).equals(noise));
});

/** One tar member (ustar). */
function member(name, content, { type = '0', link = '' } = {}) {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000600\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(body.length.toString(8).padStart(11, '0') + '\0', 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257);
  header.write([...header].reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0') + '\0 ', 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

test('hostile, damaged and foreign archives: one clear answer, nothing made', options, async (t) => {
  const { server, out } = await lived(t);
  const good = path.join(out, 'good.tar.gz');
  await ok(server.cli(['backup', good]));
  const bytes = fs.readFileSync(good);
  const tar = zlib.gunzipSync(bytes);
  const head = tar.subarray(tar.indexOf('{'), tar.indexOf('}}') + 2).toString();
  const pack = (...members) => zlib.gzipSync(Buffer.concat([...members, Buffer.alloc(1024)]));
  // In a file's content: not every byte of an archive means something.
  const flipped = Buffer.from(tar);
  flipped[tar.indexOf('SQLite format 3') + 5000] ^= 0x10;
  const swapped = Buffer.from(tar);
  swapped.write('A NOTE', tar.lastIndexOf('a note'));
  const cases = {
    'nothing in it': [Buffer.alloc(0), /cannot be used/],
    'no archive': [Buffer.from('hello'), /cannot be used/],
    'cut off': [bytes.subarray(0, bytes.length * 0.7), /cut off or damaged/],
    'a flipped bit': [zlib.gzipSync(flipped), /was altered/],
    'another content': [zlib.gzipSync(swapped), /was altered: .*notes/],
    'no head': [pack(member('librebird.db', 'x')), /not one that Libre Bird wrote/],
    traversal: [pack(member('archive.json', head), member('../../evil', 'x')), /stays below its folder/],
    absolute: [pack(member('archive.json', head), member('/tmp/evil', 'x')), /stays below its folder/],
    'a link': [pack(member('archive.json', head), member('work/l', '', { type: '2', link: '/etc' })), /a symbolic link/],
    'a hard link': [pack(member('archive.json', head), member('work/l', '', { type: '1', link: 'archive.json' })), /a hard link/],
    'a device': [pack(member('archive.json', head), member('work/d', '', { type: '3' })), /a device/],
    'a foreign file': [pack(member('archive.json', head), member('.ssh/authorized_keys', 'x')), /no part of a backup/],
    'a newer schema': [pack(member('archive.json', head.replace(/"schema":\d+/, '"schema":9999'))), /newer Libre Bird/],
  };
  for (const [what, [content, pattern]] of Object.entries(cases)) {
    const file = path.join(out, 'bad.tar.gz');
    fs.writeFileSync(file, content);
    const dataDir = path.join(out, 'new');
    await t.test(what, async () => {
      await refuses(cli(['restore', file, '--data-dir', dataDir], { home: out }), pattern);
      await refuses(cli(['verify', file], { home: out }), pattern);
      assert.deepEqual(fs.readdirSync(out).sort(), ['bad.tar.gz', 'good.tar.gz']);
    });
  }
});

test('verify finds what was changed behind our back', options, async (t) => {
  const { server } = await lived(t);
  await ok(server.cli(['verify']));
  await ok(server.cli(['tool', 'call', 'calculator', '{"expression":"6*7"}']));
  await ok(server.cli(['verify']));
  const database = path.join(server.dataDir, 'librebird.db');
  await sqlite(database, "UPDATE audit_chain SET detail = 'nothing happened' WHERE seq = 1");
  const found = await server.cli(['verify']);
  assert.equal(found.code, 1, found.all);
  assert.match(found.stdout, /PROBLEM/, found.all);
});
