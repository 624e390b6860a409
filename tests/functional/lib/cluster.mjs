// gateway, brain and hands as three processes that speak gRPC.
import net from 'node:net';
import { atEnd } from './at_end.mjs';
import { Process, Server, freePort } from './harness.mjs';
import { until } from './poll.mjs';

export class Cluster {
  static async start(t, { env = {}, secrets = {}, prepare } = {}) {
    const cluster = new Cluster();
    cluster.gateway = new Server(t, { env, command: 'gateway' });
    const [brainPort, handsPort] = [await freePort(), await freePort()];
    cluster.secret = 'a-shared-secret-of-the-three-0123456789';
    cluster.urls = { BRAIN_GRPC_URL: `127.0.0.1:${brainPort}`, HANDS_GRPC_URL: `127.0.0.1:${handsPort}` };
    const common = (name) => ({ ...env, LIBREBIRD_RPC_SECRET: secrets[name] ?? cluster.secret });
    const { home, dataDir } = cluster.gateway;
    prepare?.(dataDir);
    cluster.parts = {
      hands: { args: ['hands', '--data-dir', dataDir, '--listen', `127.0.0.1:${handsPort}`], port: handsPort,
        env: common('hands') },
      brain: { args: ['brain', '--listen', `127.0.0.1:${brainPort}`], port: brainPort,
        env: { ...common('brain'), HANDS_GRPC_URL: cluster.urls.HANDS_GRPC_URL } },
    };
    cluster.home = home;
    cluster.gateway.env = { ...common('gateway'), ...cluster.urls };
    atEnd(t, () => cluster.stop());
    await cluster.spawn('hands');
    await cluster.spawn('brain');
    await cluster.gateway.start();
    return cluster;
  }

  async spawn(name) {
    const part = this.parts[name];
    part.process = new Process(part.args, { env: part.env, home: this.home });
    await until(() => `${name} to listen: ${part.process.describe()}`, () => {
      if (!part.process.running) throw Object.assign(new Error(`it ended: ${part.process.describe()}`), { fatal: true });
      return listens(part.port);
    }, 20_000, 20);
    return part.process;
  }

  kill(name) {
    return this.parts[name].process.kill();
  }

  async stop() {
    await this.gateway.end();
    for (const name of ['brain', 'hands']) {
      const part = this.parts[name];
      if (part.process?.running) await part.process.stop().catch(() => part.process.kill());
    }
  }

  output() {
    return [this.gateway.output(), ...Object.values(this.parts).map((p) => p.process?.describe())].join('\n');
  }
}

export function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
