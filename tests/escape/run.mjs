// Carries out every attack of the escape suite in every runtime, and says which were contained.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Engine } from './engine.mjs';
import { World, childrenOf, mounts, secret, start, withMarker } from './world.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const binary = path.resolve(process.env.LIBREBIRD_BIN ?? path.join(root, 'build/dev/bin/librebird'));
const program = path.join(path.dirname(binary), '../tests/escape-program');
const given = process.argv.slice(2);
const option = (name) => (given.includes(name) ? given[given.indexOf(name) + 1] : undefined);
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
// Milliseconds until a call must be answered; a container takes longer to start.
const patience = { bubblewrap: 15_000, docker: 60_000 };

// By sandbox. The same program in single containers, without a server: src/hands/sandbox/docker/escape_sandboxtest.cpp.
const runtimes = { bubblewrap: ['native', 'python', 'typescript', 'mcp'], docker: ['docker'] };
const wanted = (sandbox) => runtimes[sandbox].filter((name) => !option('--runtime') || name === option('--runtime'));
const onlyHere = { // attacks that the skill itself knows, beside those of the program
  python: ['open_everything', 'shell', 'native_code', 'objects_of_the_runner', 'descriptors', 'sockets', 'urllib',
    'without_proxy', 'call_time_install', 'forged_protocol'],
  typescript: ['open_everything', 'shell', 'fetch_the_host', 'socket_to_the_host', 'environment_of_a_worker',
    'internal_bindings', 'forged_protocol', 'poisoned_prototypes', 'taste_prototypes'],
};

function attacks(runtime) {
  const common = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n').map((line) => {
    const [name, about] = line.split('\t');
    return { name, about };
  });
  const own = (onlyHere[runtime] ?? []).map((name) => ({ name, about: `${name.replaceAll('_', ' ')} (${runtime})` }));
  const only = option('--attack');
  return [...common, ...own].filter((one) => !only || one.name === only);
}

// Another user cannot run what lies in our home: he gets an installation of his own.
function installed(world) {
  if (!world.owner) return binary;
  const folder = path.join(world.folder, 'install');
  fs.mkdirSync(path.join(folder, 'bin'), { recursive: true });
  for (const name of ['librebird', 'librebird-tool']) {
    fs.copyFileSync(path.join(path.dirname(binary), name), path.join(folder, 'bin', name));
    fs.chmodSync(path.join(folder, 'bin', name), 0o755);
  }
  execFileSync('cp', ['-rL', path.join(path.dirname(binary), '../share'), path.join(folder, 'share')]);
  execFileSync('chmod', ['-R', 'a+rX', folder]);
  return path.join(folder, 'bin', 'librebird');
}

class Platform {
  static async start(world, engine) {
    const platform = new Platform();
    platform.world = world;
    platform.patience = patience[engine ? 'docker' : 'bubblewrap'];
    if (engine) {
      fs.writeFileSync(path.join(world.dataDir, 'config.toml'),
        `[hands]\nsandbox = "docker"\n[sandbox.docker]\nsocket = "${engine.socket}"\n`);
    }
    platform.env = {
      PATH: process.env.PATH, HOME: world.folder, LANG: 'C.UTF-8', TMPDIR: world.folder,
      LIBREBIRD_APPROVAL_MODE: 'auto',
      LIBREBIRD_CONNECT_TO: `allowed.test=127.0.0.1:${world.allowedPort}`, OPENAI_API_KEY: secret.first + secret.second,
    };
    platform.binary = installed(world);
    platform.child = start(platform.binary, ['serve', '--port', '0', '--data-dir', world.dataDir],
      { owner: world.owner, env: platform.env, cwd: world.folder });
    platform.log = '';
    platform.child.stderr.on('data', (text) => { platform.log += text; });
    await new Promise((ready, failed) => {
      let said = '';
      platform.child.stdout.on('data', (text) => {
        said += text;
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
        if (url) { platform.url = url[0]; ready(); }
      });
      platform.child.on('close', (code) => failed(new Error(`serve ended with ${code}\n${said}\n${platform.log}`)));
    });
    platform.key = platform.cli(['api-key', 'create', '--name', 'attacker']).trim();
    platform.victim = platform.cli(['api-key', 'create', '--name', 'victim']).trim();
    platform.cli(['tool-policy', 'set', 'auto']);
    return platform;
  }

  cli(args, input) {
    return execFileSync(this.binary, [...args, '--data-dir', this.world.dataDir], {
      env: this.env, cwd: this.world.folder, encoding: 'utf8', input, timeout: 120_000,
      uid: this.world.owner?.uid, gid: this.world.owner?.gid, stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  // One call over the public protocol; the tool's value, or what was said instead.
  async call(key, name, given_) {
    const answer = await fetch(`${this.url}/mcp`, {
      method: 'POST', signal: AbortSignal.timeout(this.patience),
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: given_ } }),
    });
    const { result, error } = await answer.json();
    if (error) return { said: error.message };
    if (result.isError) return { said: result.content[0].text };
    return result.structuredContent ?? { said: result.content[0].text };
  }

  async stop() {
    this.child.removeAllListeners('close');
    const ended = new Promise((done) => { this.child.on('close', done); });
    this.child.kill('SIGTERM');
    await Promise.race([ended, pause(15_000)]);
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
  }
}

function install(platform, runtime) {
  const folder = path.join(platform.world.folder, 'skills', `escape_${runtime}`);
  fs.cpSync(path.join(here, 'skills', `escape_${runtime}`), folder, { recursive: true });
  fs.copyFileSync(program, path.join(folder, 'escape-program'));
  fs.chmodSync(path.join(folder, 'escape-program'), 0o755);
  if (platform.world.owner) {
    execFileSync('chown', ['-R', `${platform.world.owner.uid}:${platform.world.owner.gid}`, path.dirname(folder)]);
  }
  platform.cli(['skill', 'install', folder]);
  platform.cli(['skill', 'set', `escape_${runtime}`, 'planted'], `${secret.first}${secret.second}\n`);
}

// One attack, and everything that must be true afterwards. Empty: contained.
async function carryOut(platform, runtime, attack, index) {
  const { world } = platform;
  const marker = `esc${process.pid % 10000}x${index}`;
  const facts = world.facts({ marker, server_pid: String(platform.child.pid) });
  world.touched.length = 0;
  world.allowedAsked = 0;
  const wrong = [];
  const calling = platform.call(platform.key, `attack_${runtime}`, { attack: attack.name, facts })
    .catch((error) => ({ said: `no answer: ${error.message}`, lost: true }));
  const others = platform.call(platform.victim, 'calculator', { expression: '6*7' })
    .catch((error) => ({ said: error.message }));
  const [answer, other] = [await calling, await others];
  if (answer.breached) wrong.push(answer.detail);
  // The control: what is allowed works, or the refusals prove nothing.
  if (attack.name === 'ssrf_redirect' && world.allowedAsked === 0) wrong.push('the allowed host was not reached either');
  if (answer.unknown) wrong.push('the attack is unknown');
  if (answer.lost) wrong.push(answer.said);
  if (other.result !== 42) wrong.push(`another call was not served: ${JSON.stringify(other).slice(0, 120)}`);
  if (world.touched.length > 0) wrong.push(`touched: ${world.touched.join(', ')}`);
  const whole = JSON.stringify(answer);
  if (attack.name === 'secret_in_error' && whole.includes(secret.first + secret.second)) wrong.push('the secret came back');
  for (const end = Date.now() + 2000; withMarker(marker).length > 0 && Date.now() < end;) await pause(50);
  if (withMarker(marker).length > 0) wrong.push('a process is left');
  if (platform.child.exitCode !== null) wrong.push('the server died');
  return { wrong, said: answer.detail ?? answer.said ?? '' };
}

async function asOwner(owner, title, results, engine) {
  const world = await World.make(owner);
  const mountsBefore = mounts();
  let platform;
  try {
    platform = await Platform.start(world, engine);
    for (const runtime of wanted(engine ? 'docker' : 'bubblewrap')) {
      try {
        install(platform, runtime);
      } catch (error) {
        const why = String(error.stderr || error.message).trim().split('\n').at(-1);
        results.push({ title, runtime, skipped: why });
        console.log(`skipped  ${title} / ${runtime}: ${why}`);
        continue;
      }
      let index = 0;
      for (const attack of attacks(runtime)) {
        const { wrong, said } = await carryOut(platform, runtime, attack, index++);
        results.push({ title, runtime, attack, wrong });
        const verdict = wrong.length === 0 ? 'held' : 'BREACH';
        console.log(`${verdict.padEnd(8)} ${title} / ${runtime} / ${attack.name}${wrong.length ? `: ${wrong.join('; ')}` : ''}` +
          (given.includes('--verbose') ? `  [${String(said).slice(0, 90).replaceAll('\n', ' ')}]` : ''));
      }
    }
    await pause(500);
    const left = { attack: { name: 'afterwards', about: 'Nothing is left: processes, mounts, an audit log that verifies' }, wrong: [] };
    try {
      platform.cli(['audit', 'verify']);
    } catch (error) {
      left.wrong.push(`audit verify: ${String(error.stdout) + String(error.stderr)}`);
    }
    const { pid } = platform.child;
    await platform.stop();
    if (childrenOf(pid).length > 0) left.wrong.push('children of the server are left');
    if (mounts() > mountsBefore) left.wrong.push('mounts are left');
    for (const end = Date.now() + 15_000; engine?.containers().length > 0 && Date.now() < end;) await pause(200);
    if (engine?.containers().length > 0) left.wrong.push('containers are left');
    results.push({ title, runtime: 'all', ...left });
    console.log(`${left.wrong.length ? 'BREACH' : 'held'}     ${title} / afterwards ${left.wrong.join('; ')}`);
  } finally {
    if (platform && platform.child.exitCode === null) await platform.stop();
    world.close();
  }
}

function table(results) {
  const titles = [...new Set(results.map((one) => `${one.title}, ${one.runtime}`))].filter((name) => !name.endsWith(', all'));
  const names = new Map(results.filter((one) => one.attack).map((one) => [one.attack.name, one.attack.about]));
  const cell = (name, column) => {
    const one = results.find((result) => `${result.title}, ${result.runtime}` === column && result.attack?.name === name);
    if (one) return one.wrong.length === 0 ? 'held' : '**BREACH**';
    return results.some((result) => `${result.title}, ${result.runtime}` === column && result.skipped) ? 'skipped' : '';
  };
  const lines = [`| attack | tries to | ${titles.join(' | ')} |`, `|---|---|${titles.map(() => '---|').join('')}`];
  for (const [name, about] of names) lines.push(`| ${name} | ${about} | ${titles.map((column) => cell(name, column)).join(' | ')} |`);
  return lines.join('\n');
}

const results = [];
const isRoot = process.getuid() === 0;
const nobody = { uid: 65534, gid: 65534 };
async function asEveryOwner(engine) {
  if (!given.includes('--as-user')) await asOwner(undefined, isRoot ? 'root' : 'user', results, engine);
  if (isRoot && !given.includes('--as-root')) await asOwner(nobody, 'user', results, engine);
}

if (wanted('bubblewrap').length > 0) await asEveryOwner();
if (given.includes('--docker') && wanted('docker').length > 0) {
  const why = Engine.missing();
  if (why) {
    results.push({ title: isRoot ? 'root' : 'user', runtime: 'docker', skipped: why });
    console.log(`skipped  docker: ${why}`);
  } else {
    const engine = await Engine.start(program);
    try {
      await asEveryOwner(engine);
    } finally {
      await engine.close();
    }
  }
}

const failed = results.filter((one) => one.wrong?.length);
const passed = results.filter((one) => one.wrong && !one.wrong.length).length;
const skipped = results.filter((one) => one.skipped).length;
if (given.includes('--write')) {
  fs.mkdirSync(path.join(root, 'docs/security'), { recursive: true });
  fs.writeFileSync(path.join(root, 'docs/security/escape-suite.md'), `# The escape suite's results

Written by \`node tests/escape/run.mjs --write\` on ${os.type()} ${os.release().split('-')[0]}. Each column is who runs the platform and the
runtime of the hostile skill; its sandbox is bubblewrap, for docker the docker sandbox. "held" means: nothing gained,
nothing on the host touched, nothing left, and others were served meanwhile.

${table(results)}
`);
}
for (const one of failed) console.log(`  failed: ${one.title} / ${one.runtime} / ${one.attack.name}: ${one.wrong.join('; ').slice(0, 200)}`);
console.log(`escape: ${passed} passed, ${failed.length} failed, ${skipped} skipped`);
process.exit(failed.length ? 1 : 0);
