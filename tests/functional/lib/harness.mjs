// Starts the real executables on temporary data folders, waits until they are ready, and stops them.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at_end.mjs';
import { Rest } from './rest.mjs';
import { until, within } from './poll.mjs';

export const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const binary = path.resolve(process.env.LIBREBIRD_BIN ?? path.join(repository, 'build/dev/bin/librebird'));

const startMs = 20_000;
const stopMs = 30_000;
const kept = 4 * 1024 * 1024; // characters of each output that are remembered

const alive = new Set();
const folders = new Set();
process.on('exit', () => {
  for (const child of alive) killGroup(child, 'SIGKILL');
  for (const dir of folders) removeDir(dir);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal); // it leads its own group: its children end with it
  } catch {
    // gone already
  }
}

/** A folder that disappears after the test, or with this process (unless KEEP is set). */
export function tempDir(t, prefix = 'librebird-test-') {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), prefix));
  folders.add(dir);
  atEnd(t, () => removeDir(dir));
  return dir;
}

function removeDir(dir) {
  if (process.env.KEEP) return;
  try {
    fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    folders.delete(dir);
  } catch {
    // a process still writes into it: tried again at the end
  }
}

/** Only what a service would have: nothing of the developer's own settings leaks into a test. */
export function environment(home, extra = {}) {
  // Tools act unasked, except where a test is about being asked: it sets this to undefined, which is the default.
  const env = { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', TZ: 'UTC', LIBREBIRD_APPROVAL_MODE: 'auto' };
  for (const [key, value] of Object.entries(process.env)) {
    if (/^(ASAN|UBSAN|TSAN|LSAN)_OPTIONS$|^LLVM_PROFILE_FILE$/.test(key)) env[key] = value;
  }
  for (const [key, value] of Object.entries(extra)) {
    if (value === undefined) delete env[key];
    else env[key] = String(value);
  }
  return env;
}

/** A child process whose output is kept. */
export class Process {
  stdout = '';
  stderr = '';

  constructor(args, { env = {}, home = os.tmpdir(), program = binary, cwd, input } = {}) {
    this.args = args;
    this.child = spawn(program, args, {
      env: environment(home, env),
      cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    alive.add(this.child);
    this.child.stdin.on('error', () => {});
    this.child.stdin.end(input);
    for (const name of ['stdout', 'stderr']) {
      this.child[name].setEncoding('utf8');
      this.child[name].on('data', (text) => {
        this[name] = (this[name] + text).slice(-kept);
      });
    }
    this.closed = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.stderr += `\n${error.message}`;
        this.exit = { code: null, signal: null, error };
        resolve(this.exit);
      });
      this.child.once('close', (code, signal) => {
        alive.delete(this.child);
        this.exit ??= { code, signal };
        resolve(this.exit);
      });
    });
  }

  get running() {
    return this.exit === undefined;
  }

  /** Resolves with the match once standard output has it. */
  async line(pattern, ms = startMs) {
    return until(() => `${pattern} on the output of ${this.describe()}`, () => {
      const match = this.stdout.match(pattern);
      if (!match && !this.running) throw Object.assign(new Error(`it ended: ${this.describe()}`), { fatal: true });
      return match;
    }, ms);
  }

  describe() {
    return `librebird ${this.args.join(' ')} (exit ${JSON.stringify(this.exit ?? 'none')})\n` +
      `--- stdout\n${this.stdout.slice(-2000)}\n--- stderr\n${this.stderr.slice(-4000)}`;
  }

  /** The structured log so far; a line that is not JSON is kept as {raw}. */
  logs() {
    return this.stderr.split('\n').filter((line) => line.trim()).map((line) => {
      try {
        return JSON.parse(line);
      } catch {
        return { raw: line };
      }
    });
  }

  async stop(ms = stopMs) {
    if (this.running) this.child.kill('SIGTERM');
    try {
      return await within(`the end of ${this.args[0]} after SIGTERM`, this.closed, ms);
    } finally {
      killGroup(this.child, 'SIGKILL');
    }
  }

  /** As a power cut would: no goodbye, and nothing of its group stays. */
  async kill() {
    if (this.running) this.child.kill('SIGKILL');
    await within('the end after SIGKILL', this.closed, 10_000);
    killGroup(this.child, 'SIGKILL');
  }
}

/** Runs a command to its end. */
export async function cli(args, { env, home, ms = 30_000, program, cwd, input } = {}) {
  const process_ = new Process(args, { env, home, program, cwd, input });
  try {
    const { code, signal } = await within(`librebird ${args.join(' ')}`, process_.closed, ms);
    return { code, signal, stdout: process_.stdout, stderr: process_.stderr, all: process_.describe() };
  } finally {
    killGroup(process_.child, 'SIGKILL');
  }
}

/**
 * A port that nothing holds, and that no outgoing connection is given while its server is away: below the range the
 * kernel takes source ports from. A restarted server finds its address free.
 */
export async function freePort() {
  const lowest = Number(fs.readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
  for (;;) {
    const port = randomInt(Math.min(10_240, lowest >> 1), lowest);
    const probe = net.createServer();
    const free = await new Promise((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

/** The port of a server that takes connections and never answers. */
export async function silentPort(t) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(t, () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

export async function ready(url, process_, ms = startMs) {
  const rest = new Rest(url);
  await until(() => `${url}/readyz to say 200; ${process_.describe()}`, async () => {
    if (!process_.running) throw new Error('the process ended');
    return (await rest.get('/readyz')).status === 200;
  }, ms);
}

/** `librebird serve` on a data folder; survives being stopped, killed and started again. */
export class Server {
  constructor(t, { dataDir, env = {}, args = [], home, port = 0, command = 'serve' } = {}) {
    this.command = command;
    this.t = t;
    this.home = home ?? tempDir(t);
    this.dataDir = dataDir ?? path.join(this.home, 'data');
    this.env = env;
    this.args = args;
    this.port = port;
    this.past = []; // ended processes, for their output
  }

  static async start(t, options) {
    const server = new Server(t, options);
    atEnd(t, () => server.end());
    await server.start();
    return server;
  }

  spawn() {
    this.process = new Process([this.command, '--data-dir', this.dataDir, '--port', String(this.port), ...this.args],
      { env: this.env, home: this.home });
    return this.process;
  }

  async start() {
    this.port ||= await freePort();
    this.spawn();
    const [, url] = await this.process.line(/Listening on (http:\/\/127\.0\.0\.1:\d+)/);
    this.url = url;
    await ready(url, this.process);
    return this;
  }

  async stop(ms) {
    this.past.push(this.process);
    return this.process.stop(ms);
  }

  async kill() {
    this.past.push(this.process);
    await this.process.kill();
  }

  async restart() {
    const exit = await this.stop();
    await this.start();
    return exit;
  }

  /** After the test: whatever still runs ends. */
  async end() {
    if (this.process?.running) await this.process.stop().catch(() => this.process.kill());
  }

  /** All output of all its processes. */
  output() {
    return [...new Set([...this.past, this.process])].map((p) => p.stdout + p.stderr).join('\n');
  }

  cli(args, options = {}) {
    return cli([...args, '--data-dir', this.dataDir], { env: this.env, home: this.home, ...options });
  }

  /** The token of a fresh sign-in link, made while the server runs. */
  async signInToken() {
    const made = await this.cli(['sign-in-link']);
    const match = made.stdout.match(/\/sign-in#token=(\S+)/);
    if (made.code !== 0 || !match) throw new Error(`sign-in-link failed: ${made.all}`);
    return match[1];
  }

  async apiKey(name = 'tests') {
    const made = await this.cli(['api-key', 'create', '--name', name]);
    if (made.code !== 0) throw new Error(`api-key create failed: ${made.all}`);
    return made.stdout.trimEnd().split('\n').at(-1).trim();
  }

  /** A REST client with an API key (made once). */
  async program() {
    this.secret ??= await this.apiKey();
    return new Rest(this.url, { authorization: `Bearer ${this.secret}` });
  }

  /** A REST client signed in as a browser is: cookie and CSRF token. */
  async browser(token) {
    const rest = new Rest(this.url, { origin: this.url });
    const answer = await rest.post('/api/v1/session', { token: token ?? (await this.signInToken()) });
    if (answer.status !== 200) throw new Error(`sign-in answered ${answer.status}: ${answer.text}`);
    const cookie = answer.headers['set-cookie'].map((line) => line.split(';')[0]).join('; ');
    return new Rest(this.url, { origin: this.url, cookie, 'x-csrf-token': answer.body.csrf_token });
  }

  /** The audit log's rows of tool calls, newest first. */
  async calls() {
    return (await this.audit()).filter((row) => row.kind.startsWith('call_'));
  }

  /** Rows of the audit log, newest first. */
  async audit() {
    const listed = await this.cli(['audit', 'list', '--json', '--limit', '1000000']);
    if (listed.code !== 0) throw new Error(`audit list failed: ${listed.all}`);
    const text = listed.stdout.trim();
    if (!text) return [];
    if (text.startsWith('[')) return JSON.parse(text);
    return text.split('\n').map((line) => JSON.parse(line)).flatMap((row) => row.items ?? row.rows ?? [row]);
  }
}

/** A statement run by the sqlite3 shell; rows of JSON for a query. */
export async function sqlite(database, sql) {
  const { code, stdout, all } = await cli(['-json', '-cmd', '.timeout 10000', database, sql], { program: 'sqlite3' });
  if (code !== 0) throw new Error(`sqlite3 failed: ${all}`);
  return stdout.trim() ? JSON.parse(stdout) : [];
}

/** An open sqlite3 shell: holds a lock as another program would. */
export class DatabaseShell {
  static async open(t, database) {
    const shell = new DatabaseShell();
    shell.child = spawn('sqlite3', ['-cmd', '.timeout 10000', database], { stdio: ['pipe', 'pipe', 'inherit'] });
    shell.output = '';
    shell.child.stdout.setEncoding('utf8').on('data', (text) => (shell.output += text));
    atEnd(t, () => shell.child.kill());
    await shell.run('SELECT 1;');
    return shell;
  }

  async run(sql) {
    const mark = `done-${Math.random()}`;
    this.child.stdin.write(`${sql}\n.print ${mark}\n`);
    await until(`sqlite3 to run ${sql}`, () => this.output.includes(mark));
  }
}
