// Serves one compiled skill inside the sandbox: the tool protocol (docs/tool-protocol.md) on one side, the skill's
// tools on the other.
//
//   node runner.mjs SKILL.mjs [INPUT OUTPUT]
//
// INPUT and OUTPUT are the protocol's descriptors. The runtime starts it with 3 and 4, with standard input empty and
// standard output joined to standard error, so that whatever a handler or its children print is log, never protocol.
import { createRequire } from "node:module";
import { createReadStream, writeSync } from "node:fs";
import { Socket } from "node:net";
import { resolve } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { pathToFileURL } from "node:url";
import { toolsOf } from "./skill.js";

createRequire(import.meta.url)("./preload.cjs");

const kMaxLine = 16 * 1024 * 1024;
const [skillArgument, inputText = "0", outputText = "1"] = process.argv.slice(2);
const skillPath = resolve(skillArgument);
const outputFd = Number(outputText);
const calls = new Map(); // id → {tool, controller}
let tools = new Map();
let loadFailure = null;
let inputEnded = false;

// ---- Writing --------------------------------------------------------------------------------------------------------

// Synchronous: the last word is out before the process ends, whatever ends it.
function send(message) {
  let rest = Buffer.from(`${JSON.stringify(message)}\n`);
  const waiting = new Int32Array(new SharedArrayBuffer(4));
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(outputFd, rest));
    } catch (error) {
      if (error.code === "EPIPE") process.exit(0); // nobody listens any more
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(waiting, 0, 0, 1);
    }
  }
}

// One sentence with its causes: "fetch failed: The proxy refused the connection to ...".
function explain(error) {
  const parts = [];
  for (let cause = error, depth = 0; cause !== undefined && cause !== null && depth < 5; cause = cause.cause, ++depth) {
    let text;
    try {
      text = typeof cause === "object" && typeof cause.message === "string" ? cause.message || cause.name : String(cause);
    } catch {
      text = "something that cannot be shown";
    }
    if (text && !parts.includes(String(text))) parts.push(String(text));
    if (typeof cause !== "object") break;
  }
  return parts.join(": ") || "The handler failed without saying why.";
}

function lastWord(id, message) {
  if (!calls.delete(id)) return; // it has had its last word
  send({ ...message, id });
  endIfDone();
}

function fail(id, message) {
  lastWord(id, { type: "error", message });
}

function endIfDone() {
  if (inputEnded && calls.size === 0) process.exit(0);
}

// ---- Calls ----------------------------------------------------------------------------------------------------------

function contextOf(id, message, signal) {
  const zone = message.zone ?? {};
  return Object.freeze({
    signal,
    settings: Object.freeze({ ...message.settings }),
    now: new Date(typeof message.now === "number" ? message.now : Date.now()),
    zone: Object.freeze({
      name: zone.name ?? "UTC",
      abbreviation: zone.abbreviation ?? "UTC",
      offsetSeconds: zone.offset_seconds ?? 0,
    }),
    workDirectory: message.work_directory ?? "/work",
    progress(fraction, text) {
      const value = Number(fraction);
      if (!calls.has(id) || !Number.isFinite(value)) return;
      const progress = { type: "progress", id, fraction: Math.min(1, Math.max(0, value)) };
      send(text === undefined ? progress : { ...progress, message: String(text) });
    },
    output(text) {
      if (calls.has(id)) send({ type: "output", id, text: String(text) });
    },
    notify(data) {
      send({ type: "event", name: "notify", data: data ?? null });
    },
  });
}

function jsonOf(tool, value) {
  let text;
  try {
    text = JSON.stringify(value === undefined ? null : value);
  } catch (error) {
    throw new Error(`The tool ${tool} returned something that is not JSON: ${explain(error)}`, { cause: null });
  }
  if (text === undefined) throw new Error(`The tool ${tool} returned a ${typeof value}, which is not JSON.`);
  return JSON.parse(text);
}

async function run(id, tool, message, signal) {
  try {
    const value = await tool.run(message.arguments ?? {}, contextOf(id, message, signal));
    lastWord(id, { type: "result", value: jsonOf(tool.name, value) });
  } catch (error) {
    fail(id, explain(error));
  }
}

function begin(message) {
  const { id } = message;
  if (calls.has(id)) return;
  const controller = new AbortController();
  calls.set(id, { tool: message.tool, controller });
  if (loadFailure !== null) return fail(id, loadFailure);
  const tool = tools.get(message.tool);
  if (tool === undefined) return fail(id, `This skill has no tool named ${message.tool}.`);
  void run(id, tool, message, controller.signal);
}

function describe() {
  if (loadFailure !== null) {
    send({ type: "error", message: loadFailure });
    process.exit(1);
  }
  send({
    type: "tools",
    tools: [...tools.values()].map(({ name, description, parameters }) => ({
      type: "function",
      function: { name, description, parameters },
    })),
  });
}

// ---- Reading --------------------------------------------------------------------------------------------------------

function receive(line) {
  if (line.trim() === "") return;
  let message;
  try {
    message = JSON.parse(line);
  } catch {
    process.stderr.write("A line of the tool protocol is not JSON.\n");
    process.exit(2);
  }
  if (message?.type === "describe") describe();
  else if (message?.type === "call") begin(message);
  else if (message?.type === "cancel") calls.get(message.id)?.controller.abort();
}

function listen() {
  const fd = Number(inputText);
  let input;
  try {
    input = new Socket({ fd, readable: true, writable: false });
  } catch {
    input = createReadStream(null, { fd }); // a file, in somebody's experiment
  }
  const decoder = new StringDecoder("utf8");
  let pending = "";
  input.on("data", (chunk) => {
    const lines = (pending + decoder.write(chunk)).split("\n");
    pending = lines.pop();
    lines.forEach(receive);
    if (pending.length > kMaxLine) process.exit(2);
  });
  const ended = () => {
    if (inputEnded) return;
    if (pending !== "") receive(pending);
    inputEnded = true;
    endIfDone();
  };
  input.on("end", ended);
  input.on("close", ended);
  input.on("error", ended);
}

// ---- Ends that a handler brings about -------------------------------------------------------------------------------

function failAll(why) {
  for (const id of [...calls.keys()]) fail(id, why);
}

function onStray(error) {
  failAll(explain(error));
  process.exit(1);
}
process.on("uncaughtException", onStray);
process.on("unhandledRejection", onStray);
process.on("beforeExit", () => failAll("The tool waits for something that can no longer happen."));
process.on("exit", (code) => failAll(`The tool ended its process with code ${code} before it answered.`));

// What was CommonJS in the skill's own files asks for it.
globalThis.require = createRequire(skillPath);
try {
  tools = toolsOf(await import(pathToFileURL(skillPath).href));
  if (tools.size === 0) loadFailure = "The skill exports no tools: declare them with defineTool() and export them.";
} catch (error) {
  loadFailure = `The skill could not be loaded: ${explain(error)}`;
}
if (loadFailure === null) send({ type: "ready" });
listen();
