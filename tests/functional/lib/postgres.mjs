// A PostgreSQL server of the test's own, with Debian's programs: on a Unix socket in a temporary folder, as an
// unprivileged user when the test is root, with its honest settings.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { atEnd } from './at_end.mjs';
import { until } from './poll.mjs';

const installed = '/usr/lib/postgresql';

/** The folder of the newest server's programs; undefined: none is installed. */
export function programs() {
  const versions = fs.existsSync(installed) ? fs.readdirSync(installed).map(Number).filter(Boolean).sort((a, b) => b - a) : [];
  const found = versions.map((version) => `${installed}/${version}/bin`).find((bin) => fs.existsSync(`${bin}/postgres`));
  return found;
}

/** What the same test is run on: `start` gives the environment of a server, and its PostgreSQL if it has one. */
export const engines = [
  { name: 'SQLite', skip: false, start: async () => ({ env: {} }) },
  {
    name: 'PostgreSQL',
    skip: programs() ? false : 'no PostgreSQL server is installed',
    start: async (t) => {
      const postgres = await Postgres.start(t);
      return { env: { DATABASE_URL: postgres.url }, postgres };
    },
  },
];

export class Postgres {
  static async start(t) {
    const server = new Postgres();
    atEnd(t, () => server.end());
    server.bin = programs();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'librebird-postgres-'));
    // The server refuses to be root.
    server.user = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
    if (server.user.uid) fs.chownSync(server.folder, server.user.uid, server.user.gid);
    execFileSync(`${server.bin}/initdb`, ['-D', `${server.folder}/data`, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8',
      '--locale=C', '--no-instructions'], { ...server.user, stdio: 'ignore', env: { PATH: process.env.PATH } });
    await server.start();
    server.sql('CREATE ROLE libre LOGIN CREATEROLE');
    server.pgvector = server.sql("SELECT COUNT(*) FROM pg_available_extensions WHERE name = 'vector'") === '1';
    if (server.pgvector) server.sql('CREATE EXTENSION vector', 'template1');
    server.sql('CREATE DATABASE libre OWNER libre');
    server.url = server.urlOf('libre', 'libre');
    return server;
  }

  async start() {
    for (;;) {
      const child = spawn(`${this.bin}/postgres`, ['-D', `${this.folder}/data`, '-k', this.folder, '-c', 'listen_addresses='],
        { ...this.user, stdio: 'ignore', env: { PATH: process.env.PATH } });
      this.process = child;
      // A killed server's children may still hold its memory for a moment; then it does not start.
      const up = await until('the database server to answer', () => {
        if (child.exitCode !== null) return 'ended';
        try {
          execFileSync(`${this.bin}/pg_isready`, ['-q', '-h', this.folder]);
          return 'up';
        } catch {
          return false;
        }
      }, 60_000, 20);
      if (up === 'up') return;
    }
  }

  async kill() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  async end() {
    if (this.process?.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill('SIGQUIT');
      await ended;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  urlOf(database, login) {
    return `postgresql://${login}@${encodeURIComponent(this.folder)}/${database}`;
  }

  /** Many statements in one transaction, as a superuser. */
  run(statements, database) {
    execFileSync(`${this.bin}/psql`, ['-XAtq', '-v', 'ON_ERROR_STOP=1', '--single-transaction', this.urlOf(database, 'postgres')],
      { input: statements.join('\n'), stdio: ['pipe', 'ignore', 'pipe'] });
  }

  /** The answer as psql prints it without decoration, as a superuser. */
  sql(text, database = 'postgres') {
    return execFileSync(`${this.bin}/psql`, ['-XAtq', '-v', 'ON_ERROR_STOP=1', this.urlOf(database, 'postgres'), '-c', text],
      { encoding: 'utf8' }).trim();
  }
}
