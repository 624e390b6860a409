// What a Chat Completions request must look like, as the published OpenAI API reference describes it
// (POST /v1/chat/completions). A request that breaks a rule is answered 400, as the vendor does, and remembered:
// tests assert that there was none.

const requestKeys = new Set([
  'model', 'messages', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls', 'temperature',
  'top_p', 'max_tokens', 'max_completion_tokens', 'n', 'stop', 'seed', 'user', 'response_format',
  'presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs', 'logit_bias', 'metadata', 'store',
  'reasoning_effort', 'service_tier', 'safety_identifier', 'prompt_cache_key', 'verbosity',
]);
const messageKeys = {
  system: new Set(['role', 'content', 'name']),
  developer: new Set(['role', 'content', 'name']),
  user: new Set(['role', 'content', 'name']),
  assistant: new Set(['role', 'content', 'name', 'tool_calls', 'refusal']),
  tool: new Set(['role', 'content', 'tool_call_id']),
};
const toolName = /^[a-zA-Z0-9_-]{1,64}$/;

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

class Broken extends Error {}

function need(condition, text) {
  if (!condition) throw new Broken(text);
}

function number(body, key, low, high, whole = false) {
  if (body[key] === undefined || body[key] === null) return;
  const value = body[key];
  need(typeof value === 'number' && value >= low && value <= high, `'${key}' must be a number from ${low} to ${high}`);
  need(!whole || Number.isInteger(value), `'${key}' must be a whole number`);
}

function checkContent(content, where) {
  if (typeof content === 'string') {
    need(!/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(content),
      `${where}.content has a lone surrogate`);
    return;
  }
  need(Array.isArray(content) && content.length > 0, `${where}.content must be a string or an array of parts`);
  for (const part of content) need(isObject(part) && typeof part.type === 'string', `${where}.content has a bad part`);
}

function checkToolCalls(calls, where) {
  need(Array.isArray(calls) && calls.length > 0, `${where}.tool_calls must be a non-empty array`);
  const ids = new Set();
  for (const call of calls) {
    need(isObject(call) && call.type === 'function', `${where}.tool_calls: 'type' must be 'function'`);
    need(typeof call.id === 'string' && call.id.length > 0 && call.id.length <= 40,
      `${where}.tool_calls: 'id' must have 1 to 40 characters`);
    need(!ids.has(call.id), `${where}.tool_calls: duplicate id '${call.id}'`);
    ids.add(call.id);
    need(isObject(call.function) && toolName.test(call.function.name ?? ''), `${where}.tool_calls: bad function name`);
    need(typeof call.function.arguments === 'string', `${where}.tool_calls: 'arguments' must be a string`);
    for (const key of Object.keys(call)) {
      need(['id', 'type', 'function'].includes(key), `${where}.tool_calls: unknown key '${key}'`);
    }
  }
  return ids;
}

function checkMessages(messages) {
  need(Array.isArray(messages) && messages.length > 0, `'messages' must be a non-empty array`);
  let open = new Set(); // calls of the last assistant message that no tool message has answered yet
  messages.forEach((message, i) => {
    const where = `messages[${i}]`;
    need(isObject(message) && messageKeys[message.role], `${where}.role is not a known role`);
    for (const key of Object.keys(message)) {
      need(messageKeys[message.role].has(key), `${where}: unknown key '${key}' for role '${message.role}'`);
    }
    if (message.role === 'tool') {
      need(typeof message.tool_call_id === 'string', `${where}.tool_call_id is missing`);
      need(open.delete(message.tool_call_id),
        `${where}: 'tool' must answer a call of the preceding assistant message; '${message.tool_call_id}' does not`);
      checkContent(message.content, where);
      return;
    }
    need(open.size === 0, `${where}: an assistant message with 'tool_calls' must be followed by tool messages ` +
      `for each id; missing: ${[...open].join(', ')}`);
    if (message.role === 'assistant' && message.tool_calls !== undefined) {
      open = checkToolCalls(message.tool_calls, where);
      if (message.content !== null && message.content !== undefined) checkContent(message.content, where);
      return;
    }
    checkContent(message.content, where);
  });
  need(open.size === 0, `the last tool_calls are not all answered; missing: ${[...open].join(', ')}`);
}

function checkTools(body) {
  const names = new Set();
  if (body.tools !== undefined) {
    need(Array.isArray(body.tools) && body.tools.length > 0 && body.tools.length <= 128,
      `'tools' must have 1 to 128 items (leave it out when there are none)`);
    body.tools.forEach((tool, i) => {
      need(isObject(tool) && tool.type === 'function' && isObject(tool.function), `tools[${i}] must be a function`);
      const { name, description, parameters } = tool.function;
      need(toolName.test(name ?? ''), `tools[${i}].function.name is not valid`);
      need(!names.has(name), `tools[${i}]: duplicate name '${name}'`);
      names.add(name);
      need(description === undefined || typeof description === 'string', `tools[${i}].function.description: no string`);
      need(parameters === undefined || (isObject(parameters) && parameters.type === 'object'),
        `tools[${i}].function.parameters must be a JSON Schema of type 'object'`);
    });
  }
  for (const key of ['tool_choice', 'parallel_tool_calls']) {
    need(body[key] === undefined || body.tools !== undefined, `'${key}' is only allowed when 'tools' are given`);
  }
  if (isObject(body.tool_choice)) {
    need(body.tool_choice.type === 'function' && names.has(body.tool_choice.function?.name),
      `'tool_choice' names a function that is not in 'tools'`);
  } else if (body.tool_choice !== undefined) {
    need(['none', 'auto', 'required'].includes(body.tool_choice), `'tool_choice' is not valid`);
  }
}

/** null when the request keeps the contract, else one sentence saying which rule it breaks. */
export function brokenRule(body) {
  try {
    need(isObject(body), 'the body must be a JSON object');
    for (const key of Object.keys(body)) need(requestKeys.has(key), `unrecognized request argument: ${key}`);
    need(typeof body.model === 'string' && body.model.length > 0, `you must provide a 'model'`);
    need(body.stream === undefined || typeof body.stream === 'boolean', `'stream' must be a boolean`);
    if (body.stream_options !== undefined && body.stream_options !== null) {
      need(body.stream === true, `'stream_options' is only allowed when 'stream' is true`);
      need(isObject(body.stream_options), `'stream_options' must be an object`);
    }
    number(body, 'temperature', 0, 2);
    number(body, 'top_p', 0, 1);
    number(body, 'max_tokens', 1, 10_000_000, true);
    number(body, 'max_completion_tokens', 1, 10_000_000, true);
    number(body, 'n', 1, 128, true);
    checkMessages(body.messages);
    checkTools(body);
    return null;
  } catch (error) {
    if (error instanceof Broken) return error.message;
    throw error;
  }
}
