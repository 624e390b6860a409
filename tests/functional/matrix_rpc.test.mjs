// The authorisation matrix of the RPCs between gateway, brain and hands. Which methods there are is read from proto/;
// every one is called without a credential, with a wrong one, and with the right one in the name of every role, about
// rows of its own, of a colleague and of another tenant. A method without an example here fails.
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { Cluster } from './lib/cluster.mjs';
import { repository } from './lib/harness.mjs';
import { addPerson, execute, insert, join, owner } from './lib/people.mjs';
import { engines } from './lib/postgres.mjs';
import { newId } from './lib/rest.mjs';

const code = grpc.status;
const roles = ['guest', 'member', 'admin', 'owner'];
const everything = 'read chat tools admin account';
const calculation = () => ({ call: { id: newId(), name: Buffer.from('calculator'), arguments_json: Buffer.from('{"expression":"6*7"}') } });
const named = (verb, more = {}) => ({ verb: `VERB_${verb}`, name: Buffer.from('nothing'), ...more });

// `least`: the role that may, by docs/permissions.md; `reads`: a key to read is enough, though not the role guest; `row`: what the id is of; `ok`: how the call ends where it is
// allowed and there is nothing to be had (0 without it); `denied`: a refusal that is a result, not an error.
const examples = {
  'Brain.StreamChat': {
    least: 'member',
    request: (principal) => ({ request: {
      principal, turn_id: newId(), conversation_id: newId(), history: [{ role: 'ROLE_USER', content: Buffer.from('hello') }],
    } }),
  },
  'Brain.ExecuteTool': { least: 'member', request: calculation, denied: (answers) => answers.at(-1).result },
  'Brain.GetMemory': { least: 'guest', request: () => ({ text: Buffer.from('x'), limit: 1 }), ok: (engine) => (engine === 'SQLite' ? code.FAILED_PRECONDITION : code.OK) }, // that file is the gateway's
  'Brain.GetDefaultModel': { least: 'guest', request: () => ({}) },
  'Brain.ListModels': { least: 'guest', request: () => ({}) },
  'Hands.ExecuteTool': { least: 'member', request: calculation, denied: (answers) => answers.at(-1).result },
  'Hands.ListTools': { least: 'guest', request: () => ({}) },
  'Hands.Health': { least: 'guest', request: () => ({}) },
  'Hands.DecideApproval': { least: 'member', row: 'approvals', request: (_, id) => ({ approval_id: id, decision: 'APPROVAL_DECISION_DENY' }) },
  'Hands.ListApprovals': { least: 'guest', request: () => ({ limit: 100 }) },
  'Hands.GetToolMode': { least: 'guest', row: 'conversations', request: (_, id) => ({ conversation_id: id }) },
  'Hands.SetToolMode': { least: 'member', row: 'conversations', request: (_, id) => ({ conversation_id: id, mode: 'APPROVAL_MODE_ASK' }) },
  'Hands.SetToolMode of the workspace': { least: 'admin', request: () => ({ mode: 'APPROVAL_MODE_ASK' }) },
  'Hands.ListGrants': { least: 'guest', request: () => ({}) },
  'Hands.RevokeGrant': { least: 'member', row: 'tool_grants', request: (_, id) => ({ id }) },
  'Skills.Manage to list': { reads: true, least: 'member', request: () => ({ verb: 'VERB_LIST' }) },
  'Skills.Manage to get': { reads: true, least: 'member', request: () => named('GET'), ok: code.NOT_FOUND },
  'Skills.Manage to install': { least: 'admin', request: () => named('INSTALL', { source: { git_url: Buffer.from('ftp://nowhere.invalid/x') } }), ok: code.INVALID_ARGUMENT },
  'Skills.Manage to update': { least: 'admin', request: () => named('UPDATE'), ok: code.NOT_FOUND },
  'Skills.Manage to change': { least: 'admin', request: () => named('CHANGE', { enabled: true }), ok: code.NOT_FOUND },
  'Skills.Manage to roll back': { least: 'admin', request: () => named('ROLLBACK'), ok: code.NOT_FOUND },
  'Skills.Manage to remove': { least: 'admin', request: () => named('REMOVE'), ok: code.NOT_FOUND },
  'Skills.Manage to set': { least: 'admin', request: () => named('SET', { setting: Buffer.from('x') }), ok: code.NOT_FOUND },
  'Skills.Manage to connect': { least: 'member', request: () => named('CONNECT'), ok: code.NOT_FOUND },
  'Skills.Manage to finish a connection': { least: 'member', request: () => named('FINISH_CONNECTION', { state: Buffer.from('nobody'), code: Buffer.from('x') }), ok: code.INVALID_ARGUMENT },
  'Skills.Manage to get a connection': { reads: true, least: 'member', request: () => named('GET_CONNECTION'), ok: code.NOT_FOUND },
  'Skills.Manage to disconnect': { least: 'member', request: () => named('DISCONNECT'), ok: code.NOT_FOUND },
};

const rows = {
  approvals: (who) => ({
    role: 'member', credential_id: '', conversation_id: '', turn_id: '', call_id: randomUUID(), skill: who.canary,
    tool: 'tool', arguments: '{}', tool_use: '{}', reason: who.canary, state: 'open', decided_by: '',
    created_at: Date.now(), expires_at: Date.now() + 3_600_000,
  }),
  conversations: (who) => ({ title: who.canary, created_at: Date.now(), updated_at: Date.now() }),
  tool_grants: (who) => ({ skill: who.canary, tool: randomUUID(), host: '', program: '', created_at: Date.now() }),
};

const proto = grpc.loadPackageDefinition(loader.loadSync(['brain.proto', 'hands.proto', 'skills.proto'], {
  includeDirs: [path.join(repository, 'proto')], keepCase: true, enums: String, longs: Number, defaults: true, oneofs: true,
})).librebird.v1;
const methods = ['Brain', 'Hands', 'Skills'].flatMap((service) =>
  Object.keys(proto[service].service).map((method) => `${service}.${method}`));

/** How a call ended, and what was answered on the way; steps of a chat are acknowledged. */
function ask(clients, name, request, metadata) {
  const [service, method] = name.split(' ')[0].split('.');
  const { requestStream, responseStream } = proto[service].service[method];
  const options = { deadline: Date.now() + 30_000 };
  return new Promise((resolve) => {
    const answers = [];
    const end = (error) => resolve({ code: error?.code ?? 0, details: error?.details ?? '', answers });
    if (!responseStream) {
      clients[service][method](request, metadata, options, (error, answer) => {
        if (answer) answers.push(answer);
        end(error);
      });
      return;
    }
    const call = requestStream ? clients[service][method](metadata, options) : clients[service][method](request, metadata, options);
    if (requestStream) call.write(request);
    call.on('data', (answer) => {
      answers.push(answer);
      if (answer.kind === 'step') call.write({ ack: { step_index: answer.step.index } });
      if (answer.kind === 'outcome') call.end();
    });
    call.on('error', end);
    call.on('end', () => end(null));
  });
}

function connect(t, cluster) {
  const clients = {
    Brain: new proto.Brain(cluster.urls.BRAIN_GRPC_URL, grpc.credentials.createInsecure()),
    Hands: new proto.Hands(cluster.urls.HANDS_GRPC_URL, grpc.credentials.createInsecure()),
    Skills: new proto.Skills(cluster.urls.HANDS_GRPC_URL, grpc.credentials.createInsecure()),
  };
  t.after(() => Object.values(clients).forEach((client) => client.close()));
  return clients;
}

function credential(secret) {
  const metadata = new grpc.Metadata();
  if (secret !== undefined) metadata.set('authorization', `Bearer ${secret}`);
  return metadata;
}

test('every method has an example, and every example a method', () => {
  assert.deepEqual([...new Set(Object.keys(examples).map((name) => name.split(' ')[0]))].sort(), methods.sort());
});

for (const engine of engines) {
  test(`every method answers every caller as it should, on ${engine.name}`, { timeout: 180_000, skip: engine.skip }, async (t) => {
    const { env, postgres } = await engine.start(t);
    const cluster = await Cluster.start(t, { env: { ...env, LIBREBIRD_MASTER_KEY: randomBytes(32).toString('hex') } });
    const server = cluster.gateway;
    server.postgres = postgres;
    const clients = connect(t, cluster);
    const host = await owner(server);
    const a = { canary: `canary-a-${newId()}`, workspace: host.home };
    const callers = { owner: { ...a, id: host.id, role: 'owner' } };
    for (const role of ['guest', 'member', 'admin']) {
      const person = await addPerson(server, role);
      await join(host, person, role);
      callers[role] = { ...a, id: person.id, role };
    }
    const colleague = await addPerson(server, 'colleague');
    await join(host, colleague, 'member');
    const stranger = await addPerson(server, 'stranger');
    // A key's scopes hold on this side of the wire too: this one is good for reading, which is all that a guest may do.
    callers['owner with a key to read'] = { ...callers.owner, scopes: 'read', may: (example) => example.least === 'guest' || example.reads };
    callers.stranger = { canary: `canary-b-${newId()}`, workspace: stranger.home, id: stranger.id, role: 'owner' };

    const row = async (table, who) => {
      const id = randomUUID();
      await execute(server, [insert(table, { id, workspace_id: who.workspace, user_id: who.id, ...rows[table](who) })]);
      return id;
    };
    const faults = [];
    let calls = 0;
    for (const [name, example] of Object.entries(examples)) {
      for (const secret of [undefined, '', 'wrong-secret-of-the-same-length-0123456']) {
        const id = example.row && (await row(example.row, callers.owner));
        const principal = { user_id: host.id, workspace_id: host.home, role: 'ROLE_OWNER', credential_id: '', scopes: everything };
        const answer = await ask(clients, name, { principal, ...example.request(principal, id) }, credential(secret));
        calls++;
        if (answer.code !== code.UNAUTHENTICATED || answer.answers.length > 0) faults.push(`${name} with the secret ${secret}: ${answer.code}`);
      }
      for (const [who, caller] of Object.entries(callers)) {
        const foreign = caller.workspace === a.workspace ? callers.stranger : callers.owner;
        const cases = [{ whose: 'own', of: caller }];
        if (example.row) {
          cases.push({ whose: "another tenant's", of: foreign, missing: true });
          if (caller.workspace === a.workspace) cases.push({ whose: "a colleague's", of: { ...a, id: colleague.id }, missing: true });
        }
        for (const { whose, of, missing } of cases) {
          const id = example.row && (await row(example.row, of));
          const principal = { user_id: caller.id, workspace_id: caller.workspace, role: `ROLE_${caller.role.toUpperCase()}`, credential_id: '', scopes: caller.scopes ?? everything };
          const answer = await ask(clients, name, { principal, ...example.request(principal, id) }, credential(cluster.secret));
          calls++;
          const may = caller.may ? caller.may(example) : roles.indexOf(caller.role) >= roles.indexOf(example.least);
          const what = `${name} by ${who}, ${whose}`;
          const told = JSON.stringify(answer.answers, (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value));
          if (told.includes(foreign.canary)) faults.push(`${what}: tells ${told}`);
          if (example.denied) {
            const status = answer.code === 0 ? example.denied(answer.answers).status : answer.code;
            if (status !== (may ? 'STATUS_OK' : 'STATUS_DENIED')) faults.push(`${what}: ${status} ${answer.details}`);
            continue;
          }
          // Who may not ask at all may also be told that there is no such thing.
          const success = typeof example.ok === 'function' ? example.ok(engine.name) : example.ok ?? code.OK;
          const wanted = missing ? (may ? [code.NOT_FOUND] : [code.NOT_FOUND, code.PERMISSION_DENIED])
            : may ? [success] : [code.PERMISSION_DENIED];
          if (!wanted.includes(answer.code)) faults.push(`${what}: ${answer.code} ${answer.details}, wanted ${wanted}`);
        }
      }
    }
    t.diagnostic(`${calls} calls`);
    assert.deepEqual(faults, []);
  });
}
