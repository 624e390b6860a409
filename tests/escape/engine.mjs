// A container engine of its own for the docker sandbox: Podman's service on a socket in a temporary folder, with one
// image, made here, that is the attacking program and nothing else.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const podman = '/usr/bin/podman';
export const image = 'localhost/librebird-escape:latest';

const answers = (socket) => new Promise((done) => {
  const probe = net.connect(socket, () => { probe.destroy(); done(true); });
  probe.on('error', () => done(false));
});

export class Engine {
  // Why this machine cannot have one, or nothing.
  static missing() {
    if (process.getuid() !== 0) return 'an engine of its own needs root';
    return fs.existsSync(podman) ? undefined : 'podman is missing: apt-get install podman runc';
  }

  static async start(program) {
    const engine = new Engine();
    engine.folder = fs.mkdtempSync('/tmp/lbx-'); // short: a Unix socket's path has 107 bytes
    fs.chmodSync(engine.folder, 0o755);
    engine.socket = path.join(engine.folder, 'engine.sock');
    const file = (name, text) => fs.writeFileSync(path.join(engine.folder, name), text);
    file('containers.conf', `[containers]\n[network]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n` +
      `tmp_dir = "${engine.folder}/state"\nruntime = "runc"\n`);
    file('storage.conf', `[storage]\ndriver = "vfs"\ngraphroot = "${engine.folder}/root"\nrunroot = "${engine.folder}/run"\n`);
    engine.words = ['--root', `${engine.folder}/root`, '--runroot', `${engine.folder}/run`, '--cgroup-manager', 'cgroupfs'];
    engine.options = {
      cwd: engine.folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: engine.folder,
        CONTAINERS_CONF: `${engine.folder}/containers.conf`, CONTAINERS_STORAGE_CONF: `${engine.folder}/storage.conf` },
    };
    const log = fs.openSync(path.join(engine.folder, 'log'), 'a');
    engine.child = spawn(podman, [...engine.words, 'system', 'service', '--time=0', `unix://${engine.socket}`],
      { ...engine.options, stdio: ['ignore', log, log] });
    fs.closeSync(log);
    for (const end = Date.now() + 30_000; !await answers(engine.socket);) {
      if (engine.child.exitCode !== null || Date.now() > end) {
        const said = fs.readFileSync(path.join(engine.folder, 'log'), 'utf8');
        await engine.close();
        throw new Error(`podman's service did not start: ${said}`);
      }
      await new Promise((done) => { setTimeout(done, 50); });
    }
    fs.chmodSync(engine.socket, 0o666); // whoever runs the platform may use it
    for (const name of ['tmp', 'proc', 'sys', 'dev', 'etc', 'run', 'work', 'skill']) {
      fs.mkdirSync(path.join(engine.folder, 'system', name), { recursive: true });
    }
    fs.copyFileSync(program, path.join(engine.folder, 'system', 'escape-program'));
    fs.chmodSync(path.join(engine.folder, 'system', 'escape-program'), 0o755);
    const archive = path.join(engine.folder, 'system.tar');
    execFileSync('tar', ['-C', path.join(engine.folder, 'system'), '-cf', archive, '.']);
    engine.podman('import', '--change', 'ENTRYPOINT ["/escape-program"]', archive, image);
    return engine;
  }

  podman(...words) {
    return execFileSync(podman, [...this.words, ...words], this.options);
  }

  containers() {
    return this.podman('ps', '-aq').trim().split('\n').filter(Boolean);
  }

  async close() {
    if (this.child.exitCode === null) {
      const ended = new Promise((done) => { this.child.on('close', done); });
      this.child.kill('SIGTERM');
      await ended;
    }
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
