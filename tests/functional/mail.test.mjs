// E-mail against a real mail server, with TLS and passwords.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { atEnd } from './lib/at_end.mjs';
import { localhostCertificate } from './lib/certificate.mjs';
import { Server, cli, repository, tempDir } from './lib/harness.mjs';
import { until } from './lib/poll.mjs';
import { Rest } from './lib/rest.mjs';

const python = '/usr/bin/python3';
const missing = spawnSync(python, ['-c', 'import aiosmtpd']).status === 0 ? false : 'python3-aiosmtpd is not installed';
const options = { timeout: 120_000, skip: missing };

async function mailServer(t, args = [], files = localhostCertificate(t)) {
  const child = spawn(python, [path.join(repository, 'tests/functional/lib/mail_server.py'), files.certificate, files.key,
    ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  atEnd(t, () => child.kill());
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => (text += more));
  const lines = () => text.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  const { port } = await until('the mail server', () => lines()[0]);
  return { port, certificate: files.certificate, mails: () => lines().slice(1) };
}

function settings(server, scheme = 'smtp', who = 'bird:p%40ss@') {
  return {
    SMTP_URL: `${scheme}://${who}localhost:${server.port}`,
    MAIL_FROM: 'Libre Bird 🐦 <bird@example.org>',
    LIBREBIRD_CA_FILE: server.certificate,
  };
}

function testMail(t, env, address = 'ada@example.com') {
  const home = tempDir(t);
  return cli(['mail', 'test', address, '--data-dir', path.join(home, 'data')], { env, home });
}

test('a message goes through STARTTLS and a password, and is well-formed', options, async (t) => {
  const server = await mailServer(t, ['--password', 'p@ss']);
  const sent = await testMail(t, settings(server));
  assert.equal(sent.code, 0, sent.all);
  const [mail] = server.mails();
  assert.deepEqual(mail.to, ['ada@example.com']);
  assert.equal(mail.from, 'bird@example.org');
  assert.equal(mail.sender, 'Libre Bird 🐦 <bird@example.org>');
  assert.equal(mail.subject, 'E-mail from Libre Bird works');
  assert.match(mail.parts['text/plain'], /a test that the operator/);
  assert.ok(mail.tls && mail.signed_in);
  assert.deepEqual(mail.defects, []);
  for (const header of ['Date', 'Message-ID', 'MIME-Version', 'Auto-Submitted']) assert.ok(mail.headers.includes(header));
});

test('TLS from the start, and addresses beyond ASCII', options, async (t) => {
  const server = await mailServer(t, ['--implicit', '--password', 'p@ss']);
  const sent = await testMail(t, settings(server, 'smtps'), 'gęś@example.com');
  assert.equal(sent.code, 0, sent.all);
  assert.deepEqual(server.mails()[0].to, ['gęś@example.com']);
});

test('a wrong password, an unknown certificate and hidden encryption are refused, and nothing is sent', options, async (t) => {
  const server = await mailServer(t, ['--password', 'other']);
  const wrong = await testMail(t, settings(server));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /refused the sign-in/);
  assert.doesNotMatch(wrong.stderr, /p@ss/);
  const stranger = await testMail(t, { ...settings(server), LIBREBIRD_CA_FILE: undefined });
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /certificate is not trusted/);
  const open = await mailServer(t, ['--no-tls']);
  const hidden = await testMail(t, settings(open, 'smtp', ''));
  assert.equal(hidden.code, 1);
  assert.match(hidden.stderr, /offers no encryption/);
  const relay = await testMail(t, settings(open, 'smtp+insecure', ''));
  assert.equal(relay.code, 0, relay.all);
  assert.equal(server.mails().length, 0);
  assert.equal(open.mails().length, 1);
});

test('without a mail server, it is said what to set', options, async (t) => {
  const none = await testMail(t, {});
  assert.equal(none.code, 1);
  assert.match(none.stderr, /SMTP_URL/);
  const bad = await testMail(t, { SMTP_URL: 'mail.example.org', MAIL_FROM: 'bird@example.org' });
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /mail\.url/);
});

test('a sign-in link that was mailed signs in, once', options, async (t) => {
  const mail = await mailServer(t, ['--password', 'p@ss']);
  const server = await Server.start(t, { env: { ...settings(mail), LIBREBIRD_PUBLIC_URL: 'http://127.0.0.1:1' } });
  const made = await server.cli(['user', 'create', '--email', 'ada@example.com', '--name', 'Ada']);
  assert.equal(made.code, 0, made.all);
  const rest = new Rest(server.url, { origin: server.url });
  const asked = await rest.post('/api/v1/auth/magic-link', { email: 'ada@example.com' });
  assert.equal(asked.status, 202, asked.text);
  const unknown = await rest.post('/api/v1/auth/magic-link', { email: 'nobody@example.com' });
  assert.equal(unknown.status, 202, unknown.text);
  const [first] = await until('the e-mail', () => mail.mails().length > 0 && mail.mails());
  const token = first.parts['text/plain'].match(/#token=([\w-]+)/)[1];
  assert.equal((await rest.post('/api/v1/session', { token })).status, 200);
  assert.equal((await rest.post('/api/v1/session', { token })).status, 401);
  assert.equal(mail.mails().length, 1);
  assert.ok(!server.output().includes(token), 'the token is in no log');
});

test('an invitation is mailed, and so is a sign-in from a device that is new', options, async (t) => {
  const mail = await mailServer(t, ['--password', 'p@ss']);
  const server = await Server.start(t, { env: { ...settings(mail), LIBREBIRD_PUBLIC_URL: 'http://127.0.0.1:1' } });
  const password = 'kelp-wagon-Tuxedo';
  const made = await server.cli(['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password'],
    { input: password });
  assert.equal(made.code, 0, made.all);
  const arrived = (count) => until(`${count} e-mails`, () => mail.mails().length >= count && mail.mails());
  async function signIn(agent) {
    const answer = await new Rest(server.url, { origin: server.url, 'user-agent': agent })
      .post('/api/v1/auth/sign-in', { email: 'ada@example.com', password });
    assert.equal(answer.status, 200, answer.text);
    return new Rest(server.url, { origin: server.url, 'x-csrf-token': answer.body.csrf_token,
      cookie: answer.headers['set-cookie'].map((line) => line.split(';')[0]).join('; ') });
  }
  const ada = await signIn('Kestrel/1');
  const invited = await ada.post('/api/v1/invitations', { email: 'kim@example.com' });
  assert.equal(invited.status, 201, invited.text);
  assert.equal(invited.body.mailed, true);
  const [first] = await arrived(1);
  assert.deepEqual(first.to, ['kim@example.com']);
  assert.match(first.subject, /^Ada invites you/);
  assert.equal(first.parts['text/plain'].match(/#token=([\w-]+)/)[1], invited.body.token);

  // The first device of an account is not news, nor is one that it knows.
  await signIn('Kestrel/1');
  await signIn('Wren/2');
  const told = (await arrived(2))[1];
  assert.deepEqual(told.to, ['ada@example.com']);
  assert.match(told.subject, /new sign-in/i);
  assert.match(told.parts['text/plain'], /127\.0\.0\.1, Wren\/2/);
  await signIn('Wren/2');

  // One address is not flooded; the invitation itself is made, and its link is in the answer.
  const more = [];
  for (let i = 0; i < 4; i++) more.push((await ada.post('/api/v1/invitations', { email: 'kim@example.com' })).body);
  assert.deepEqual(more.map((one) => one.mailed), [true, true, true, false]);
  assert.ok(more.every((one) => one.token));
  await arrived(5);
  assert.equal(mail.mails().length, 5);
});
