"""Many people at once: each signs in with a password, opens a socket with the session's cookie, and has one turn."""

import asyncio
import base64
import concurrent.futures
import json
import os
import struct
import subprocess
import time
import uuid

PASSWORD = "kelp-wagon-Tuxedo"


def email(number):
    return f"person{number}@example.org"


def create(program, data, environment, count):
    """Accounts with a password each, by the operator's command."""
    def one(number):
        subprocess.run([program, "user", "create", "--data-dir", data, "--email", email(number), "--name",
                        f"Person {number}", "--password"], input=PASSWORD, text=True, env=environment, check=True,
                       capture_output=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, range(count)))


async def read_response(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
    length = int(dict(headers).get("content-length", 0))
    return int(head[0].split()[1]), headers, await reader.readexactly(length)


async def read_frame(reader):
    """The text of one whole message; the server sends none in parts, and no mask."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        length = struct.unpack(">H", await reader.readexactly(2))[0]
    elif length == 127:
        length = struct.unpack(">Q", await reader.readexactly(8))[0]
    payload = await reader.readexactly(length)
    return json.loads(payload) if first & 0x0F == 1 else None


def frame(value):
    payload = json.dumps(value).encode()
    mask = os.urandom(4)
    size = struct.pack(">BB", 0x81, 0x80 | len(payload)) if len(payload) < 126 else \
        struct.pack(">BBH", 0x81, 0xFE, len(payload))
    return size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Person:
    def __init__(self, number, address):
        self.number = number
        self.address = address
        self.host, port = address.split(":")
        self.port = int(port)
        self.retries = 0

    def request(self, method, path, body, **headers):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.address}", f"Origin: http://{self.address}",
                 # People come from places of their own; the bench is the proxy in front.
                 f"X-Forwarded-For: 10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()

    async def ask(self, method, path, body, **headers):
        """Asks again after as long as the server says when it has too much to do."""
        while True:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                writer.write(self.request(method, path, json.dumps(body), Connection="close", **headers))
                status, got, answer = await read_response(reader)
            finally:
                writer.close()
            if status not in (429, 503):
                break
            self.retries += 1
            await asyncio.sleep(float(dict(got).get("retry-after", 1)))
        if status not in (200, 201, 202):
            raise RuntimeError(f"{method} {path} answered {status}: {answer[:300].decode(errors='replace')}")
        return got, json.loads(answer)

    async def live(self):
        began = time.monotonic()
        headers, me = await self.ask("POST", "/api/v1/auth/sign-in", {"email": email(self.number), "password": PASSWORD})
        self.sign_in = time.monotonic() - began
        cookie = next(value.split(";")[0] for name, value in headers if name == "set-cookie")
        _, conversation = await self.ask("POST", "/api/v1/conversations", {}, Cookie=cookie,
                                         X_CSRF_Token=me["csrf_token"])
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(self.request("GET", "/ws", None, Cookie=cookie, Upgrade="websocket", Connection="Upgrade",
                                      Sec_WebSocket_Version="13",
                                      Sec_WebSocket_Key=base64.b64encode(os.urandom(16)).decode()))
            status, _, _ = await read_response(reader)
            if status != 101:
                raise RuntimeError(f"/ws answered {status}")
            writer.write(frame({"type": "subscribe", "id": "1", "conversation_id": conversation["id"]}))
            began = time.monotonic()
            writer.write(frame({"type": "send", "id": "2", "conversation_id": conversation["id"], "content": "hello",
                                "client_message_id": str(uuid.uuid4())}))
            while True:
                event = await read_frame(reader)
                if event and event.get("type") == "error":
                    raise RuntimeError(json.dumps(event)[:300])
                if event and event.get("type") == "turn.finished":
                    break
            self.turn = time.monotonic() - began
        finally:
            writer.close()


def summary(seconds):
    times = sorted(1000 * each for each in seconds)
    return {"p50_ms": round(times[len(times) // 2], 1), "p95_ms": round(times[len(times) * 95 // 100], 1),
            "max_ms": round(times[-1], 1)}


def all_at_once(address, count):
    async def run():
        people = [Person(number, address) for number in range(count)]
        results = await asyncio.gather(*(person.live() for person in people), return_exceptions=True)
        return people, [result for result in results if result is not None]

    began = time.monotonic()
    people, errors = asyncio.run(run())
    seconds = time.monotonic() - began
    done = [person for person in people if hasattr(person, "turn")]
    out = {"people": count, "seconds": round(seconds, 1), "people_per_second": round(len(done) / seconds, 1),
           "asked_again": sum(person.retries for person in people), "errors": len(errors)}
    if errors:
        out["first_error"] = repr(errors[0])[:300]
    if done:
        out.update(sign_in=summary([person.sign_in for person in done]), turn=summary([person.turn for person in done]))
    return out
