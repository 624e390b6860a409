// Runs scenarios of the Model Context Protocol's conformance suite against our client.
//
// The suite's servers speak plain HTTP at ports of localhost, where our client goes by no means. They are put behind a
// gate that speaks TLS under names of its own: what a server says of http://localhost:PORT the client reads as
// https://NAME, and the other way round. Nothing else of what they say to each other is touched.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at_end.mjs';
import { certificateOf } from './certificate.mjs';
import { loader, main } from './conformance.mjs';
import { tempDir } from './harness.mjs';

const driver = fileURLToPath(new URL('./conformance_driver.mjs', import.meta.url));
const names = Array.from({ length: 6 }, (_, i) => `c${i}.conformance.test`);

/** The two ways of writing an address: as it is, and within a query or a form. */
const written = (text) => [text, encodeURIComponent(text)];

export class Gate {
  ports = []; // of names[i]

  static async start(t) {
    const gate = new Gate();
    const files = certificateOf(t, ...names);
    gate.ca = fs.readFileSync(files.certificate);
    const server = https.createServer({ key: fs.readFileSync(files.key), cert: gate.ca },
      (incoming, outgoing) => gate.pass(incoming, outgoing));
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    gate.port = server.address().port;
    atEnd(t, () => {
      server.closeAllConnections();
      server.close();
    });
    gate.env = {
      LIBREBIRD_CONNECT_TO: names.map((name) => `${name}=127.0.0.1:${gate.port}`).join(','),
      LIBREBIRD_CA_FILE: files.certificate,
    };
    return gate;
  }

  name(port) {
    if (!this.ports.includes(port)) this.ports.push(port);
    return names[this.ports.indexOf(port)];
  }

  /** As the client knows it. */
  outside(text) {
    return text
      .replace(/http:\/\/localhost:(\d+)/g, (_, port) => `https://${this.name(port)}`)
      .replace(/http%3A%2F%2Flocalhost%3A(\d+)/gi, (_, port) => encodeURIComponent(`https://${this.name(port)}`));
  }

  /** As the suite knows it. */
  inside(text) {
    return this.ports.reduce((out, port, i) => {
      const [from, to] = [written(`https://${names[i]}`), written(`http://localhost:${port}`)];
      return from.reduce((done, one, way) => done.replaceAll(one, to[way]), out);
    }, text);
  }

  async pass(incoming, outgoing) {
    const port = this.ports[names.indexOf(incoming.headers.host.split(':')[0])];
    const body = [];
    for await (const piece of incoming) body.push(piece);
    const text = this.inside(Buffer.concat(body).toString());
    const headers = { ...incoming.headers, host: `localhost:${port}` };
    delete headers['content-length'];
    delete headers['transfer-encoding'];
    if (text) headers['content-length'] = Buffer.byteLength(text);
    // IPv4 or IPv6: whichever the suite listens at.
    const request = http.request({ host: 'localhost', port, method: incoming.method, path: this.inside(incoming.url), headers },
      async (answer) => {
        const fields = Object.fromEntries(Object.entries(answer.headers).map(([name, value]) =>
          [name, Array.isArray(value) ? value.map((one) => this.outside(one)) : this.outside(value)]));
        delete fields['content-length'];
        delete fields['transfer-encoding'];
        outgoing.writeHead(answer.statusCode, fields);
        if (/event-stream/.test(answer.headers['content-type'])) {
          outgoing.flushHeaders();
          answer.pipe(outgoing);
          return;
        }
        const pieces = [];
        for await (const piece of answer) pieces.push(piece);
        outgoing.end(this.outside(Buffer.concat(pieces).toString()));
      });
    request.on('error', () => outgoing.destroy());
    outgoing.on('close', () => request.destroy());
    request.end(text);
  }

  /** What a person's browser does at the authorization server: where it is sent back to. */
  visit(address) {
    return new Promise((resolve, reject) => {
      const { hostname, pathname, search } = new URL(address);
      https.get({ host: '127.0.0.1', port: this.port, servername: hostname, headers: { host: hostname },
        path: pathname + search, ca: this.ca }, (answer) => {
        answer.resume();
        if (!answer.headers.location) reject(new Error(`${address} answered ${answer.statusCode}`));
        else resolve(new URL(answer.headers.location));
      }).on('error', reject);
    });
  }
}

/** [{ id, status, errorMessage }] of a scenario in which `act({ url, context })` is the client. */
export async function clientConformance(t, gate, { scenario, revision, act }) {
  gate.ports = [];
  let acted;
  const control = http.createServer(async (incoming, outgoing) => {
    const body = [];
    for await (const piece of incoming) body.push(piece);
    const { url, context } = JSON.parse(Buffer.concat(body).toString());
    acted = act({ url: gate.outside(url), context });
    outgoing.end(await acted.then(() => '', (error) => error.stack));
  });
  await new Promise((resolve) => { control.listen(0, '127.0.0.1', resolve); });
  const child = spawn(process.execPath, [
    '--no-warnings', '--import', loader, main, 'client', '--command', `${process.execPath} ${driver} ${control.address().port}`,
    '--scenario', scenario, '--spec-version', revision, '--timeout', '60000', '--verbose',
  ], { cwd: tempDir(t), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  await new Promise((done) => { child.on('close', done); });
  control.close();
  const start = output.indexOf('[\n');
  const end = output.lastIndexOf('\n]');
  if (!acted || start < 0 || end < 0) throw new Error(`no findings from the suite:\n${output.slice(-2000)}`);
  return { findings: JSON.parse(output.slice(start, end + 2)), acted, output };
}
