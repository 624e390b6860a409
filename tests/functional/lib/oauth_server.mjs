// An MCP server on the web that lets in only who is known there, and its authorization server: both made of the official
// SDK (its routers, handlers, bearer check and transport), over TLS, under names of their own.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import express from 'express';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { InvalidGrantError, InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { createOAuthMetadata, getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter, mcpAuthRouter }
  from '@modelcontextprotocol/sdk/server/auth/router.js';
import { atEnd } from './at_end.mjs';
import { certificateOf } from './certificate.mjs';

export const mcpHost = 'mcp.test';

/** What the SDK leaves to others: whom it lets in, and for how long. Refresh tokens are good once. */
class Notary {
  person = 'ada'; // who is signed in at the authorization server
  lifetime = 3600; // seconds
  refuses = false; // the person says no
  demands = ['notes']; // scopes that a request must have
  revoked = []; // tokens that were given back
  clients = new Map();
  codes = new Map();
  tokens = new Map();
  refreshTokens = new Map();
  spent = []; // codes and refresh tokens that came twice
  secrets = []; // all that must be seen nowhere else

  clientsStore = {
    getClient: (id) => this.clients.get(id),
    registerClient: (client) => {
      this.clients.set(client.client_id, client);
      return client;
    },
  };

  authorize(client, params, response) {
    const back = new URL(params.redirectUri);
    back.searchParams.set('state', params.state);
    if (this.refuses) {
      back.searchParams.set('error', 'access_denied');
    } else {
      const code = this.secret();
      this.codes.set(code, { client, params, person: this.person });
      back.searchParams.set('code', code);
    }
    response.redirect(back.href);
  }

  challengeForAuthorizationCode(_client, code) {
    return this.code(code).params.codeChallenge;
  }

  exchangeAuthorizationCode(client, code, _verifier, redirectUri, resource) {
    const { params, person, client: asked } = this.code(code);
    this.codes.delete(code);
    const same = asked.client_id === client.client_id && params.redirectUri === redirectUri;
    if (!same || params.resource?.href !== resource?.href) throw new InvalidGrantError('another request');
    return this.issue({ person, resource, scopes: params.scopes ?? [], clientId: client.client_id });
  }

  exchangeRefreshToken(client, token, _scopes, resource) {
    const known = this.refreshTokens.get(token);
    this.refreshTokens.delete(token);
    if (!known || known.clientId !== client.client_id || known.resource.href !== resource?.href) {
      this.spent.push(token);
      throw new InvalidGrantError('spent');
    }
    return this.issue(known);
  }

  verifyAccessToken(token) {
    const known = this.tokens.get(token);
    if (!known || known.expiresAt <= Date.now()) throw new InvalidTokenError('unknown or expired');
    return { ...known, token, expiresAt: Math.ceil(known.expiresAt / 1000) };
  }

  revokeToken(_client, { token }) {
    this.revoked.push(token);
    this.tokens.delete(token);
    this.refreshTokens.delete(token);
  }

  /** Access tokens are good no more; what renews them is. */
  expire() {
    this.tokens.clear();
  }

  code(code) {
    const known = this.codes.get(code);
    if (known) return known;
    this.spent.push(code);
    throw new InvalidGrantError('spent');
  }

  secret() {
    const secret = randomUUID();
    this.secrets.push(secret);
    return secret;
  }

  issue(known) {
    const [access, refresh] = [this.secret(), this.secret()];
    this.tokens.set(access, { ...known, expiresAt: Date.now() + this.lifetime * 1000 });
    this.refreshTokens.set(refresh, known);
    return {
      access_token: access, refresh_token: refresh, token_type: 'bearer', expires_in: this.lifetime,
      scope: known.scopes.join(' '),
    };
  }
}

async function answerMcp(request, response) {
  const server = new McpServer({ name: 'notes', version: '1' });
  const { person } = request.auth;
  server.registerTool('whoami', { description: 'Says who asks' }, () =>
    ({ content: [{ type: 'text', text: `${person} by ${request.headers.authorization}` }] }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
}

/** `env`: what a server of ours needs to find the two and to trust them. */
export async function startOAuthServer(t) {
  const files = certificateOf(t, mcpHost, 'localhost');
  const notary = new Notary();
  const app = express();
  const server = https.createServer({ key: fs.readFileSync(files.key), cert: fs.readFileSync(files.certificate) }, app);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address();
  const issuer = new URL(`https://localhost:${port}`);
  const resource = new URL(`https://${mcpHost}/v1/mcp`);
  const said = { issuerUrl: issuer, provider: notary, scopesSupported: ['notes', 'write'] };
  const rateLimit = false;
  const authorization = mcpAuthRouter({
    ...said, authorizationOptions: { rateLimit }, tokenOptions: { rateLimit }, clientRegistrationOptions: { rateLimit },
    revocationOptions: { rateLimit },
  });
  const place = express.Router();
  place.use(mcpAuthMetadataRouter({
    oauthMetadata: createOAuthMetadata(said), resourceServerUrl: resource, scopesSupported: ['notes'],
  }));
  const requests = [];
  place.use((request, _response, next) => {
    requests.push({ method: request.method, path: request.path, authorization: request.headers.authorization });
    next();
  });
  const letIn = (request, response, next) => requireBearerAuth({
    verifier: notary, requiredScopes: notary.demands, expectedResource: resource,
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resource),
  })(request, response, next);
  place.use(resource.pathname, letIn, express.json(), answerMcp);
  app.use((request, response, next) => (request.hostname === mcpHost ? place : authorization)(request, response, next));
  return {
    notary,
    requests,
    url: resource.href,
    issuer: issuer.href,
    env: {
      LIBREBIRD_CONNECT_TO: [mcpHost, 'localhost'].map((host) => `${host}=127.0.0.1:${port}`).join(','),
      LIBREBIRD_CA_FILE: files.certificate,
    },
    /** What a browser does there: it is sent back, and this is where to. */
    visit: (address) => new Promise((resolve, reject) => {
      https.get(address, { ca: fs.readFileSync(files.certificate) }, (answer) => {
        answer.resume();
        if (answer.statusCode !== 302) reject(new Error(`${address} answered ${answer.statusCode}`));
        else resolve(new URL(answer.headers.location));
      }).on('error', reject);
    }),
  };
}
