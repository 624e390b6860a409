// How long a workspace keeps conversations: set by its admins or the operator, carried out by the server.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from './lib/harness.mjs';
import { addPerson, execute, join, owner } from './lib/people.mjs';
import { engines } from './lib/postgres.mjs';
import { assertProblem } from './lib/rest.mjs';
import { until } from './lib/poll.mjs';

const day = 86_400_000;

for (const engine of engines) {
  test(`what is past the rules goes, and nothing else, on ${engine.name}`, { timeout: 60_000, skip: engine.skip }, async (t) => {
    const { env, postgres } = await engine.start(t);
    const server = await Server.start(t, { env });
    server.postgres = postgres;
    const host = await owner(server);
    const path = `/api/v1/workspaces/${host.home}/retention`;
    const talks = {};
    for (const name of ['old', 'young', 'archived']) {
      talks[name] = (await host.rest.conversation(name)).id;
      await host.rest.ask(talks[name], `hello from the ${name} one`);
    }
    await host.rest.patch(`/api/v1/conversations/${talks.archived}`, { archived: true });
    const age = (id, days) => `UPDATE conversations SET updated_at = ${Date.now() - days * day} WHERE id = '${id}';`;
    await execute(server, [age(talks.old, 40), age(talks.archived, 40)]);
    assert.deepEqual((await host.rest.get(path)).body, { conversation_days: 0, archived_days: 0 });
    const tried = await host.rest.put(path, { conversation_days: 30, dry_run: true });
    assert.deepEqual(tried.body, { conversation_days: 30, archived_days: 0, conversations_past: 1 });
    assert.deepEqual((await host.rest.get(path)).body, { conversation_days: 0, archived_days: 0 });
    for (const wrong of [{ conversation_days: -1 }, { conversation_days: 36_501 }, { archived_days: 1.5 }, { archived_days: '7' }, { days: 1 }]) {
      assertProblem(await host.rest.put(path, wrong), 400, 'invalid_argument');
    }
    assert.equal((await host.rest.put(path, { conversation_days: 30 })).status, 200);
    await server.restart();
    const gone = await until('the old conversation to be deleted', async () => {
      const answer = await host.rest.get(`/api/v1/conversations/${talks.old}`);
      return answer.status === 404 && answer;
    });
    assertProblem(gone, 404, 'not_found');
    for (const kept of [talks.young, talks.archived]) assert.equal((await host.rest.get(`/api/v1/conversations/${kept}`)).status, 200);
    assert.deepEqual((await host.rest.get('/api/v1/conversations?q=hello')).body.items.map((item) => item.id), [talks.young]);
    const listed = await server.cli(['audit', 'list', '--workspace', host.home, '--json', '--limit', '1000']);
    const said = listed.stdout.trim().split('\n').map((line) => JSON.parse(line)).filter((row) => row.subject === 'retention');
    assert.deepEqual(said.sort((x, y) => x.seq - y.seq).map((row) => row.detail), [
      'conversations are kept 30 days, archived ones for ever', '1 conversations were deleted because of their age']);
    assert.equal((await server.cli(['audit', 'verify'])).code, 0);

    const shown = await server.cli(['workspace', 'retention', host.home, '--archived', '20', '--dry-run', '--json']);
    assert.deepEqual(JSON.parse(shown.stdout), { conversation_days: 30, archived_days: 20, conversations_past: 1, set: false });
    const set = await server.cli(['workspace', 'retention', host.home, '--conversations', '0']);
    assert.match(set.stdout, /conversations +kept for ever/);
    assert.deepEqual((await host.rest.get(path)).body, { conversation_days: 0, archived_days: 0 });
    const member = await join(host, await addPerson(server, 'member'), 'member');
    assertProblem(await member.put(path, { conversation_days: 1 }), 403);
    assert.equal((await member.get(path)).status, 200);
  });
}
