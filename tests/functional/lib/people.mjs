// Several people on one server: users, their places in workspaces, and keys to come in with. Users and keys are put
// into the database as the program would (a key is stored as its SHA-256); everything else goes through the API.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { cli } from './harness.mjs';
import { Rest } from './rest.mjs';

export const sha256 = (text) => createHash('sha256').update(text).digest('hex');
export const database = (server) => `${server.dataDir}/librebird.db`;
export const quote = (value) => (value === null ? 'NULL' : typeof value === 'number' ? String(value)
  : `'${String(value).replaceAll("'", "''")}'`);
export const insert = (table, row) =>
  `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).map(quote).join(', ')});`;

/** Runs many statements at once, all or none, in the database the server uses. */
export async function execute(server, statements) {
  if (server.postgres) return server.postgres.run(statements, 'libre');
  const input = ['.timeout 10000', '.bail on', 'BEGIN;', ...statements, 'COMMIT;', ''].join('\n');
  const { code, all } = await cli([database(server)], { program: 'sqlite3', input });
  if (code !== 0) throw new Error(`sqlite3 failed: ${all}`);
}

/** Somebody with a user id; `rest` is a client with a key of a workspace. */
export class Person {
  constructor(server, id, name) {
    Object.assign(this, { server, id, name });
  }

  /** A client with a new key that is good in this workspace. */
  async key(workspaceId) {
    const secret = `lb_${randomBytes(32).toString('base64url')}`;
    const id = randomUUID();
    await execute(this.server, [insert('api_keys', {
      id, key_hash: sha256(secret), workspace_id: workspaceId, user_id: this.id, name: `key of ${this.name}`,
      prefix: secret.slice(0, 10), created_at: Date.now(),
    })]);
    const rest = new Rest(this.server.url, { authorization: `Bearer ${secret}` });
    rest.keyId = id;
    return rest;
  }
}

/** A new user who owns a workspace; `person.home` is its id, `person.rest` a client in it. */
export async function addPerson(server, name, { email = null, workspace = `${name}'s` } = {}) {
  const person = new Person(server, randomUUID(), name);
  person.home = randomUUID();
  const now = Date.now();
  await execute(server, [
    insert('users', { id: person.id, email, display_name: name, created_at: now }),
    insert('workspaces', { id: person.home, name: workspace, owner_id: person.id, created_at: now }),
    insert('workspace_members', { workspace_id: person.home, user_id: person.id, role: 'owner', joined_at: now }),
  ]);
  person.rest = await person.key(person.home);
  return person;
}

/** The first user, as the API knows him, and a client with his key. */
export async function owner(server) {
  const rest = await server.program();
  const me = (await rest.get('/api/v1/me')).body;
  const person = new Person(server, me.user.id, me.user.display_name);
  Object.assign(person, { home: me.workspace.id, rest });
  return person;
}

/** Invites and joins; answers a client of the guest with a key of that workspace. */
export async function join(host, person, role) {
  const invited = await host.rest.post('/api/v1/invitations', { role });
  if (invited.status !== 201) throw new Error(`inviting answered ${invited.status}: ${invited.text}`);
  const joined = await person.rest.post('/api/v1/invitations/accept', { token: invited.body.token });
  if (joined.status !== 200) throw new Error(`accepting answered ${joined.status}: ${joined.text}`);
  return person.key(host.home);
}
