// Skills on a running server: installed, called, updated, rolled back, removed; over REST and on the command line; what
// is wrong with one is said in one sentence and leaves nothing behind.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Server, tempDir } from './lib/harness.mjs';
import { ModelServer } from './lib/model_server.mjs';
import { assertProblem } from './lib/rest.mjs';

const options = { timeout: 180_000 };

/** Writes a skill's folder; returns its path. */
function folder(t, name, files) {
  const dir = path.join(tempDir(t, 'librebird-skill-'), name);
  for (const [file, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    fs.writeFileSync(path.join(dir, file), content);
  }
  return dir;
}

const parameters = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
const legacy = (word) => `
TOOL_DEFINITIONS = [{"type": "function", "function": {"name": "greet", "description": "Greets somebody.",
    "parameters": ${JSON.stringify(parameters)}}}]
def greet(arguments):
    print("a handler may print")
    return {"greeting": "${word}, " + arguments["name"]}
TOOL_HANDLERS = {"greet": greet}
`;

/** One entry of a tar archive (POSIX.1-1988 ustar). */
function tarEntry(name, content = '', type = '0', link = '') {
  const head = Buffer.alloc(512);
  head.write(name, 0, 100);
  head.write('0000644\0', 100);
  head.write('0000000\0', 108);
  head.write('0000000\0', 116);
  head.write(Buffer.byteLength(content).toString(8).padStart(11, '0') + '\0', 124);
  head.write('00000000000\0', 136);
  head.write('        ', 148);
  head.write(type, 156);
  head.write(link, 157, 100);
  head.write('ustar\0' + '00', 257);
  let sum = 0;
  for (const byte of head) sum += byte;
  head.write(sum.toString(8).padStart(6, '0') + '\0 ', 148);
  const body = Buffer.from(content);
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
const targz = (...entries) => gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));

async function skill(server, args, expected = 0, extra = {}) {
  const done = await server.cli(['skill', ...args, '--json'], { ms: 120_000, ...extra });
  assert.equal(done.code, expected, done.all);
  return expected === 0 && done.stdout.trim() ? JSON.parse(done.stdout) : done.stderr;
}

async function callTool(server, name, args) {
  const done = await server.cli(['tool', 'call', name, JSON.stringify(args)], { ms: 60_000 });
  return { code: done.code, value: JSON.parse(done.stdout) };
}

/** Versions on disk, by skill; staging must be empty. */
function onDisk(server) {
  const root = path.join(server.dataDir, 'skills');
  if (!fs.existsSync(root)) return [];
  const staging = path.join(root, '.staging');
  if (fs.existsSync(staging)) assert.deepEqual(fs.readdirSync(staging), [], 'nothing is left in staging');
  return fs.readdirSync(root).filter((name) => !name.startsWith('.')).flatMap((workspace) =>
    fs.readdirSync(path.join(root, workspace)).flatMap((name) =>
      fs.readdirSync(path.join(root, workspace, name)).map((hash) => `${name}/${hash}`)));
}

/** Whatever interprets a runtime is there, or the test is skipped and says so. */
async function install(t, server, source) {
  const done = await server.cli(['skill', 'install', source, '--json'], { ms: 120_000 });
  if (done.code !== 0 && /needs the runtime|is missing; (reinstall|run)|is missing: install/.test(done.stderr)) {
    t.skip(done.stderr.trim());
    return null;
  }
  assert.equal(done.code, 0, done.all);
  return JSON.parse(done.stdout);
}

test('an unchanged legacy Python package lives a whole life on a running server', options, async (t) => {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const source = folder(t, 'greeter', {
    'skill.json': JSON.stringify({ name: 'greeter', version: '1.0.0', tools: ['greet'] }),
    '__init__.py': legacy('Hello'),
  });
  const installed = await install(t, server, source);
  if (!installed) return;
  assert.deepEqual(installed.tools, ['greet']);
  assert.equal(installed.runtime, 'python');

  // The server sees it without a restart, and everybody gets the same answer.
  const rest = await server.program();
  const tools = (await rest.get('/api/v1/tools')).body.items.map((tool) => tool.name);
  assert.ok(tools.includes('greet'));
  assert.deepEqual(await callTool(server, 'greet', { name: 'Ada' }), { code: 0, value: { greeting: 'Hello, Ada' } });
  const wrong = await callTool(server, 'greet', {});
  assert.equal(wrong.code, 1);
  assert.match(wrong.value.error, /name/);

  fs.writeFileSync(path.join(source, '__init__.py'), legacy('Good day'));
  fs.writeFileSync(path.join(source, 'skill.json'), JSON.stringify({ name: 'greeter', version: '2.0.0' }));
  assert.equal((await skill(server, ['update', 'greeter'])).version, '2.0.0');
  assert.deepEqual((await callTool(server, 'greet', { name: 'Ada' })).value, { greeting: 'Good day, Ada' });
  const view = (await rest.get('/api/v1/skills/greeter')).body;
  assert.equal(view.version, '2.0.0');
  assert.equal(view.versions.length, 2);

  const back = await rest.post('/api/v1/skills/greeter/rollback', {});
  assert.equal(back.status, 200, back.text);
  assert.deepEqual((await callTool(server, 'greet', { name: 'Ada' })).value, { greeting: 'Hello, Ada' });

  assert.equal((await rest.patch('/api/v1/skills/greeter', { enabled: false })).status, 200);
  assert.match((await callTool(server, 'greet', { name: 'Ada' })).value.error, /Unknown tool/);
  await skill(server, ['enable', 'greeter']);
  await skill(server, ['pin', 'greeter']);
  assert.match(await skill(server, ['update', 'greeter'], 1), /pinned/);
  await skill(server, ['remove', 'greeter']);
  assert.equal((await rest.get('/api/v1/skills/greeter')).status, 404);
  assert.deepEqual(onDisk(server), []);
});

const typescript = (word) => `import { defineTool } from "@librebird/skill";
export const welcome = defineTool({
  name: "welcome", description: "Welcomes somebody.",
  parameters: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
  async run({ name }) { return { greeting: \`${word}, \${name}\` }; },
});
`;
/** A local MCP server without a library (protocol revision 2025-06-18, stdio). */
const mcpServer = (word) => `import { createInterface } from 'node:readline';
const tool = { name: 'salute', description: 'Salutes somebody.', inputSchema: ${JSON.stringify(parameters)} };
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const result = method === 'initialize'
    ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
    : method === 'tools/list' ? { tools: [tool] }
    : { content: [{ type: 'text', text: '${word}, ' + params.arguments?.name }] };
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n');
}
`;
const lives = {
  typescript: (version, word) => ({
    'skill.json': JSON.stringify({ name: 'welcomer', version, runtime: 'typescript' }),
    'index.ts': typescript(word),
  }),
  mcp: (version, word) => ({
    'skill.json': JSON.stringify({ name: 'saluter', version, runtime: 'mcp', command: ['node', '/skill/server.mjs'] }),
    'server.mjs': mcpServer(word),
  }),
};
for (const [runtime, files] of Object.entries(lives)) {
  test(`a ${runtime} skill is installed, called, updated, rolled back and removed`, options, async (t) => {
    const server = await Server.start(t);
    const rest = await server.program();
    const source = folder(t, runtime, files('1.0.0', 'Hello'));
    const installed = await install(t, server, source);
    if (!installed) return;
    const { name, tools: [tool] } = installed;
    const said = async () => JSON.stringify((await callTool(server, tool, { name: 'Ada' })).value);
    assert.match(await said(), /Hello, Ada/);
    for (const [file, content] of Object.entries(files('2.0.0', 'Good day'))) {
      fs.writeFileSync(path.join(source, file), content);
    }
    assert.equal((await skill(server, ['update', name])).version, '2.0.0');
    assert.match(await said(), /Good day, Ada/);
    assert.equal((await rest.post(`/api/v1/skills/${name}/rollback`, {})).body.version, '1.0.0');
    assert.match(await said(), /Hello, Ada/);
    assert.equal((await rest.delete(`/api/v1/skills/${name}`)).status, 204);
    assert.match(await said(), /Unknown tool/);
    assert.deepEqual(onDisk(server), []);
  });
}

test('the agent gets what the command line gets', options, async (t) => {
  const model = await ModelServer.start(t);
  const server = await Server.start(t, { env: model.env() });
  const source = folder(t, 'greeter', {
    'skill.json': JSON.stringify({ name: 'greeter' }),
    '__init__.py': legacy('Hello'),
  });
  if (!(await install(t, server, source))) return;
  const direct = await callTool(server, 'greet', { name: 'Ada' });
  assert.deepEqual(direct.value, { greeting: 'Hello, Ada' });
  model.on(/greet/, (r) => (r.toolResults.length > 0
    ? 'Done.'
    : { toolCalls: [{ name: 'greet', arguments: { name: 'Ada' } }] }));
  const rest = await server.program();
  // Its tools may write: the owner agrees to them beforehand where that can be said.
  await rest.request('PUT', '/api/v1/tool-policy', { mode: 'auto' });
  const { id } = await rest.conversation();
  const { turn, answer } = await rest.ask(id, 'greet Ada', 60_000);
  assert.equal(turn.status, 'done', JSON.stringify(turn));
  const call = answer.parts.find((part) => part.type === 'tool_call').call;
  assert.equal(call.status, 'ok', JSON.stringify(call));
  assert.deepEqual(call.result, direct.value);
});

test('an instruction skill comes as an archive over REST and is read by the agent', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const bytes = targz(
    tarEntry('pdf/SKILL.md', '---\nname: pdf\ndescription: Fills in forms.\n---\n# How\n'),
    tarEntry('pdf/reference.md', 'Details.'));
  const made = await rest.request('POST', '/api/v1/skills?name=pdf.tar.gz', bytes, { 'content-type': 'application/gzip' });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.body.runtime, 'instructions');
  const tools = (await rest.get('/api/v1/tools')).body.items;
  assert.match(tools.find((tool) => tool.name === 'read_skill').description, /pdf: Fills in forms/);
  const read = await callTool(server, 'read_skill', { skill: 'pdf' });
  assert.deepEqual(read.value.files, ['reference.md']);
  assert.equal((await callTool(server, 'read_skill', { skill: 'pdf', file: 'reference.md' })).value.content, 'Details.');
  assert.match((await callTool(server, 'read_skill', { skill: 'pdf', file: '../../../librebird.db' })).value.error, /list/);
  const gone = await rest.delete('/api/v1/skills/pdf');
  assert.equal(gone.status, 204);
  assert.deepEqual(onDisk(server), []);
});

test('git repositories are fetched inside the sandbox, by branch and tag', options, async (t) => {
  const server = await Server.start(t);
  const source = folder(t, 'notes', { 'deep/pdf/SKILL.md': '---\nname: pdf\ndescription: One.\n---\n' });
  const git = (...args) => execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args],
    { cwd: source, stdio: 'pipe' });
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'one');
  git('tag', 'v1');
  const repository = `file://${source}`;
  assert.equal((await skill(server, ['install', repository, '--ref', 'v1'])).description, 'One.');
  assert.equal((await skill(server, ['update', 'pdf'])).versions.length, 1);
  fs.writeFileSync(path.join(source, 'deep/pdf/SKILL.md'), '---\nname: pdf\ndescription: Two.\n---\n');
  git('commit', '-qam', 'two');
  assert.equal((await skill(server, ['update', 'pdf', repository, '--ref', 'main'])).description, 'Two.');
  fs.symlinkSync('/etc/passwd', path.join(source, 'deep/pdf/link'));
  git('add', '-A');
  git('commit', '-qm', 'three');
  assert.match(await skill(server, ['update', 'pdf'], 1), /symbolic link/);
  assert.match(await skill(server, ['update', 'pdf', repository, '--ref', 'nope'], 1), /git repository/);
  assert.match(await skill(server, ['update', 'pdf', 'https://user:pw@example.org/x'], 1), /password/);
  assert.match(await skill(server, ['update', 'pdf', 'ssh://example.org/x'], 1), /https/);
  assert.equal((await skill(server, ['show', 'pdf'])).description, 'Two.');
});

test('what is wrong with a skill is one clear error, and nothing is half-installed', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const manifest = (more) => tarEntry('a/skill.json', JSON.stringify({ name: 'a', runtime: 'python', ...more }));
  const init = tarEntry('a/__init__.py', '');
  const cases = [
    [targz(manifest({ runtime: 'perl' }), init), /runtime/],
    [targz(manifest({ colour: 1 }), init), /colour/],
    [targz(manifest({ name: 'core' }), init), /comes with Libre Bird/],
    [targz(manifest({ permissions: ['root'] }), init), /permissions/],
    [targz(manifest({}), init, tarEntry('../evil', 'x')), /leaves the skill's folder/],
    [targz(manifest({}), init, tarEntry('/tmp/evil', 'x')), /absolute/],
    [targz(manifest({}), init, tarEntry('a/link', '', '2', '/etc/passwd')), /symbolic link/],
    [targz(manifest({}), init, tarEntry('a/hard', '', '1', 'a/skill.json')), /hard link/],
    [targz(manifest({}), init, tarEntry('a/dev', '', '3')), /device/],
    [targz(manifest({}), init, tarEntry('a/zeros', '\0'.repeat(12 << 20))), /bomb/],
    [targz(manifest({}), init, ...Array.from({ length: 2100 }, (_, i) => tarEntry(`a/f${i}`))), /more than 2000/],
    [targz(manifest({}), init, tarEntry('A/__INIT__.py')), /differ only in case/],
    [targz(tarEntry('a/readme', 'x')), /no skill/],
    [Buffer.from('garbage'), /cannot be read/],
    [targz(manifest({ tools: [{ function: { name: 'calculator' } }] }), init), /calculator.*core|runtime/],
  ];
  for (const [raw, expected] of cases) {
    const answer = await rest.request('POST', '/api/v1/skills', raw, { 'content-type': 'application/gzip' });
    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`);
    assert.match(answer.body.detail, expected);
  }
  for (const body of [{}, { git_url: '/etc' }, { git_url: 'file:///etc' }, { git_url: 'http://example.org/x' },
    { folder: '/etc' }, { git_url: 'https://example.org/x', git_ref: '--upload-pack=x' }, { permissions: 'x' }]) {
    assertProblem(await rest.post('/api/v1/skills', body), 400);
  }
  assertProblem(await rest.request('POST', '/api/v1/skills', 'x', { 'content-type': 'text/plain' }), 415);
  const names = (await rest.get('/api/v1/skills')).body.items.map((item) => item.name);
  assert.ok(!names.includes('a'), names.join());
  assert.deepEqual(onDisk(server), []);
  const sum = await callTool(server, 'calculator', { expression: '1+1' });
  assert.deepEqual(sum.value, { expression: '1+1', result: 2 });
});

test('settings are typed; what is missing is named where it is needed', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const source = folder(t, 'greeter', {
    'skill.json': JSON.stringify({
      name: 'greeter',
      settings: {
        word: { type: 'string', required: true, description: 'How to greet', validation: '^[A-Z][a-z]+$' },
        token: { type: 'secret' },
      },
    }),
    '__init__.py': legacy('Hello'),
  });
  if (!(await install(t, server, source))) return;
  const refused = await callTool(server, 'greet', { name: 'Ada' });
  assert.match(refused.value.error, /word \(How to greet\)/);
  assert.match(refused.value.error, /librebird skill set greeter word/);
  assert.match(await skill(server, ['set', 'greeter', 'word', 'lower'], 1), /must be text that matches/);
  assertProblem(await rest.request('PUT', '/api/v1/skills/greeter/settings/word', { value: 5 }), 400);
  const set = await rest.request('PUT', '/api/v1/skills/greeter/settings/word', { value: 'Ahoy' });
  assert.equal(set.status, 200, set.text);
  assert.deepEqual((await callTool(server, 'greet', { name: 'Ada' })).value, { greeting: 'Hello, Ada' });
  assert.match(await skill(server, ['set', 'greeter', 'token', 'on-the-command-line'], 1), /standard input/);
  const secret = 'token-value-that-stays-outside';
  const kept = await rest.request('PUT', '/api/v1/skills/greeter/settings/token', { value: secret });
  if (kept.status === 200) {
    assert.ok(!kept.text.includes(secret));
    assert.ok(!(await rest.get('/api/v1/skills')).text.includes(secret));
    assert.ok(!(await server.cli(['skill', 'show', 'greeter', '--json'])).stdout.includes(secret));
    assert.ok(!fs.readFileSync(path.join(server.dataDir, 'librebird.db')).includes(secret));
  } else {
    assertProblem(kept, 409);
  }
  assert.equal((await rest.delete('/api/v1/skills/greeter/settings/word')).status, 200);
  assert.match((await callTool(server, 'greet', { name: 'Ada' })).value.error, /word/);
});

test('the manifest\'s schema is served', options, async (t) => {
  const server = await Server.start(t);
  const rest = await server.program();
  const answer = await rest.get('/api/skill.schema.json');
  assert.equal(answer.status, 200);
  assert.equal(answer.body.title, "A skill's skill.json");
});
