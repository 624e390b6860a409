// The host that is attacked: what an attacker would want to reach lies about, and tells when it was touched.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const secret = { first: 'sk-escape-', second: 'Zq7RtV2mXw9KpLs4' };

const listening = (server, ...where) => new Promise((done, failed) => {
  server.once('error', failed);
  server.listen(...where, () => done(server.address()));
});

// Calls of the C library on the host.
function host(calls) {
  execFileSync('python3', ['-c', `import ctypes; l = ctypes.CDLL(None); ${calls}`]);
}

export class World {
  // `owner`: { uid, gid } of who runs the platform, or nothing: ourselves.
  static async make(owner) {
    const world = new World();
    world.owner = owner;
    world.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'librebird-escape-'));
    world.dataDir = path.join(world.folder, 'data');
    world.touched = [];
    world.servers = [];
    const canary = http.createServer((request, answer) => {
      world.touched.push(`host port: ${request.method} ${request.url}`);
      answer.end('CANARY');
    });
    world.hostPort = (await listening(canary, 0, '127.0.0.1')).port;
    world.allowedAsked = 0;
    const allowed = http.createServer((request, answer) => {
      world.allowedAsked += 1;
      if (request.url === '/redirect') answer.writeHead(302, { Location: `http://127.0.0.1:${world.hostPort}/redirected` });
      answer.end('allowed');
    });
    world.allowedPort = (await listening(allowed, 0, '127.0.0.1')).port;
    world.socketPath = path.join(world.folder, 'host.sock');
    const file = net.createServer(() => world.touched.push('host socket file'));
    await listening(file, world.socketPath);
    world.servers.push(canary, allowed, file);
    world.abstractName = `librebird-escape-${process.pid}`;
    try {
      const abstract = net.createServer(() => world.touched.push('abstract socket'));
      await listening(abstract, `\0${world.abstractName}`);
      world.servers.push(abstract);
    } catch {
      world.abstractName = '';
    }
    world.hostFile = path.join(world.folder, 'host_file.txt');
    fs.writeFileSync(world.hostFile, 'CANARY of the host\n');
    fs.mkdirSync(world.dataDir, { mode: 0o700 });
    // What belongs to another workspace and to another skill, where the platform keeps such things.
    const other = '01900000-0000-7000-8000-000000000000';
    world.otherWork = path.join(world.dataDir, 'work', other, 'diary.txt');
    world.otherSkill = path.join(world.dataDir, 'skills', other, 'theirs', 'v1', 'skill.json');
    for (const file of [world.otherWork, world.otherSkill]) {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, 'CANARY of somebody else');
    }
    world.ipcKey = 0x1b0000 + (process.pid % 0xffff);
    world.queue = `/librebird-escape-${process.pid}`;
    host(`l.shmget(${world.ipcKey}, 4096, 0o1666); l.msgget(${world.ipcKey}, 0o1666); l.mq_open(b"${world.queue}", 66, 0o666, 0)`);
    if (owner) execFileSync('chown', ['-R', `${owner.uid}:${owner.gid}`, world.folder]);
    return world;
  }

  facts(more = {}) {
    const account = fs.readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':')[0])
      .find((name) => name && !['root', 'nobody'].includes(name));
    const address = Object.values(os.networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal);
    return {
      database: path.join(this.dataDir, 'librebird.db'),
      master_key: path.join(this.dataDir, 'master.key'),
      host_file: this.hostFile,
      other_work: this.otherWork,
      other_skill: this.otherSkill,
      ipc_key: String(this.ipcKey),
      message_queue: this.queue,
      host_account: account ?? '',
      host_port: String(this.hostPort),
      host_address: address?.address ?? '',
      host_socket: this.socketPath,
      abstract_socket: this.abstractName,
      allowed_host: 'allowed.test',
      planted_first: secret.first,
      planted_second: secret.second,
      ...more,
    };
  }

  close() {
    for (const server of this.servers) server.close();
    host(`l.shmctl(l.shmget(${this.ipcKey}, 0, 0), 0, None); l.msgctl(l.msgget(${this.ipcKey}, 0), 0, None); l.mq_unlink(b"${this.queue}")`);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

// Processes whose name (as prctl sets it) is this marker: left behind by an attack.
export function withMarker(marker) {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === marker;
    } catch {
      return false;
    }
  });
}

export function childrenOf(pid) {
  try {
    return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).trim().split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

export function mounts() {
  return fs.readFileSync('/proc/self/mounts', 'utf8').split('\n').length;
}

export function start(program, args, { owner, env, cwd }) {
  return spawn(program, args, { env, cwd, uid: owner?.uid, gid: owner?.gid, stdio: ['ignore', 'pipe', 'pipe'] });
}
