// A small world behind a proxy: two origins that only the proxy can find by their names, one plain and one with TLS,
// and a real forward proxy (absolute form and CONNECT) that refuses every other host, as the fence does.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

function listen(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

function certificates(folder) {
  const openssl = (...words) => execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
          "/CN=One call's authority", "-keyout", "ca.key", "-out", "ca.pem");
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=secure.test",
          "-addext", "subjectAltName=DNS:secure.test", "-keyout", "site.key", "-out", "site.csr");
  openssl("x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
          "-copy_extensions", "copy", "-out", "site.pem");
  return { key: readFileSync(join(folder, "site.key")), cert: readFileSync(join(folder, "site.pem")) };
}

async function bodyOf(request) {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest("hex") };
}

function serve(world, scheme) {
  return async (request, response) => {
    const url = new URL(request.url, `${scheme}://${request.headers.host}`);
    world.requests.push(`${request.method} ${scheme} ${request.headers.host} ${request.url}`);
    switch (url.pathname) {
      case "/echo": {
        const body = await bodyOf(request);
        response.setHeader("content-type", "application/json");
        response.setHeader("set-cookie", ["a=1", "b=2"]);
        return response.end(JSON.stringify({ method: request.method, headers: request.headers, ...body }));
      }
      case "/drip": {
        // One piece, then the next only when the client has asked for it: streaming, or nobody gets anywhere.
        response.write("first\n");
        world.drips.set(url.searchParams.get("id"), () => response.end("second\n"));
        return undefined;
      }
      case "/go":
        world.drips.get(url.searchParams.get("id"))();
        return response.end();
      case "/hang":
        response.on("close", () => world.hung.push(url.searchParams.get("id")));
        return response.write("x");
      case "/big": {
        const piece = Buffer.alloc(64 * 1024, 7);
        for (let i = 0; i < 512; ++i) {
          if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve));
        }
        return response.end();
      }
      case "/cut":
        response.setHeader("content-length", "100");
        return response.write("only this", () => response.destroy());
      case "/redirect":
        response.writeHead(302, { location: url.searchParams.get("to") });
        return response.end();
      case "/none":
        response.writeHead(204);
        return response.end();
      default:
        response.writeHead(404);
        return response.end("nothing here");
    }
  };
}

function websocket(request, socket) {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n` +
               `sec-websocket-accept: ${accept}\r\n\r\n`);
  socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from("hello")]));
  socket.on("error", () => {});
}

function forward(world, ports) {
  const known = (host) => ports.get(host);
  const proxy = createServer((request, response) => {
    world.proxied.push(`${request.method} ${request.url}`);
    world.authorizations.push(request.headers["proxy-authorization"] ?? "");
    const url = new URL(request.url);
    const port = known(url.host);
    if (port === undefined) {
      response.writeHead(403);
      return response.end(`The skill may not reach ${url.host}.`);
    }
    const onward = httpRequest({ host: "127.0.0.1", port, path: url.pathname + url.search, method: request.method,
                                 headers: request.headers, agent: false });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
    return undefined;
  });
  proxy.on("upgrade", (request, socket) => websocket(request, socket));
  proxy.on("connect", (request, socket, head) => {
    world.proxied.push(`CONNECT ${request.url}`);
    world.authorizations.push(request.headers["proxy-authorization"] ?? "");
    socket.on("error", () => {});
    const port = known(request.url);
    if (request.url.startsWith("garbage.test")) return socket.end("SSH-2.0-nothing\r\n\r\n");
    if (request.url.startsWith("silent.test")) return socket.destroy();
    if (port === undefined) {
      const reason = `The skill may not reach ${request.url}.`;
      return socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`);
    }
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connected\r\n\r\n");
      if (head.length > 0) onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("close", () => onward.destroy());
    return undefined;
  });
  return proxy;
}

/** Starts it; close() ends it and removes its folder. */
export async function startWorld() {
  const folder = mkdtempSync(join(tmpdir(), "librebird-proxy-"));
  const world = { requests: [], proxied: [], authorizations: [], hung: [], drips: new Map(), folder };
  const plain = createServer(serve(world, "http"));
  const secure = createSecureServer(certificates(folder), serve(world, "https"));
  for (const server of [plain, secure]) server.on("upgrade", (request, socket) => websocket(request, socket));
  const plainPort = await listen(plain);
  world.plainPort = plainPort;
  const securePort = await listen(secure);
  const ports = new Map([["plain.test", plainPort], ["plain.test:8080", plainPort], ["secure.test:443", securePort],
                         ["wrong-name.test:443", securePort]]);
  const proxy = forward(world, ports);
  world.proxyPort = await listen(proxy);
  world.ca = join(folder, "ca.pem");
  world.close = () => {
    for (const server of [proxy, plain, secure]) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true, force: true });
  };
  return world;
}
