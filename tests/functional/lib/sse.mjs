// A reader of server-sent events that follows the WHATWG parsing rules.
import http from 'node:http';
import { StringDecoder } from 'node:string_decoder';

/** Resolves with {status, headers, close(), [asyncIterator] of {id, event, data}}; a refusal has `body`. */
export function readEvents(url, headers) {
  return new Promise((resolve, reject) => {
    const req = http.get(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false }, (res) => {
      const answer = {
        status: res.statusCode,
        headers: res.headers,
        close: () => req.destroy(),
        [Symbol.asyncIterator]: () => parse(res),
      };
      if (res.statusCode === 200) return resolve(answer);
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (piece) => (text += piece));
      res.on('end', () => {
        try {
          answer.body = JSON.parse(text);
        } catch {
          answer.body = undefined;
        }
        resolve({ ...answer, text });
      });
    });
    req.on('error', reject);
  });
}

async function* parse(res) {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let event = { id: undefined, event: 'message', data: [] };
  for await (const bytes of res) {
    rest += decoder.write(bytes);
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (event.data.length > 0) yield { ...event, data: event.data.join('\n') };
        event = { id: event.id, event: 'message', data: [] };
        continue;
      }
      if (line.startsWith(':')) continue;
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') event.data.push(value);
      else if (field === 'event') event.event = value;
      else if (field === 'id') event.id = value;
    }
  }
}
