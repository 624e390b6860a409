// Two people in Chromium: invited by link, an account of one's own, a shared conversation live, taken back; signing in
// with a password and a second factor.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { atEnd } from './lib/at_end.mjs';
import { App, browserMissing, chromiumOnce, closeBrowser, openApp } from './lib/browser.mjs';

const options = { timeout: 120_000, skip: browserMissing };
const password = 'purple anchor telescope';

/** Another person's browser at the same server. */
async function another(t, app) {
  const context = await (await chromiumOnce()).newContext({ viewport: { width: 1200, height: 800 }, locale: 'en-GB' });
  context.setDefaultTimeout(20_000);
  atEnd(t, () => context.close());
  return new App(app.server, app.model, context, await context.newPage());
}

async function openSettings(app, tab) {
  await app.page.getByRole('button', { name: 'Settings' }).click();
  await app.page.getByRole('tab', { name: tab }).click();
}

/** The code of RFC 6238 for a secret in Base32, `ahead` steps from now. */
function totp(secret, ahead = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replaceAll(/[\s=]/g, '')].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

async function invited(t, app) {
  await openSettings(app, 'Workspace');
  await app.page.getByRole('textbox', { name: 'E-mail address of the invited' }).fill('kim@example.org');
  await app.page.getByRole('button', { name: 'Invite' }).click();
  const link = await app.id('invitation-link').innerText();
  await app.picture('people-invite');
  await app.page.keyboard.press('Escape');
  const kim = await another(t, app);
  await kim.page.goto(link);
  await kim.sees('Join Home');
  await kim.page.getByLabel('Your name').fill('Kim');
  await kim.page.getByLabel('Password').fill(password);
  await kim.picture('people-join');
  await kim.page.getByRole('button', { name: 'Make the account' }).click();
  await kim.id('composer').waitFor();
  await kim.online();
  return { kim, link };
}

test('invited by link, two people chat in one conversation live, until the share is taken back', options, async (t) => {
  const app = await openApp(t);
  app.model.on(/./, () => 'An answer.');
  const { kim, link } = await invited(t, app);

  await app.say('our plans for the summer');
  await app.answered();
  await kim.page.reload();
  await kim.online();
  assert.equal(await kim.page.getByText('our plans for the summer').count(), 0, 'nothing is shared by itself');

  await app.page.getByRole('button', { name: 'Share' }).click();
  await app.page.getByLabel('Access of Kim').selectOption('write');
  await app.picture('people-share');
  await app.page.getByRole('button', { name: 'Save' }).click();
  const listed = kim.page.getByRole('navigation').getByText('our plans for the summer');
  await listed.click();
  await kim.id('message-user').waitFor();
  assert.equal(await kim.id('message-user').getAttribute('aria-label'), 'Owner');

  await kim.say('and what about the sea?');
  const heard = app.page.getByTestId('message-user').nth(1);
  await heard.waitFor();
  await app.sees('and what about the sea?');
  await app.page.waitForFunction(() => document.querySelectorAll('[data-testid=message-user]')[1]?.ariaLabel === 'Kim');
  await app.answered(1);
  await app.picture('people-chat');

  await app.page.getByRole('button', { name: 'Shared: change with whom' }).click();
  await app.page.getByLabel('Access of Kim').selectOption('none');
  await app.page.getByRole('button', { name: 'Save' }).click();
  await listed.waitFor({ state: 'detached' });

  const late = await another(t, app);
  await late.page.goto(link);
  await late.sees('This invitation is no longer good');
  app.assertClean();
});

test('a password, a second factor, and where one is signed in', options, async (t) => {
  const app = await openApp(t);
  const { kim } = await invited(t, app);
  await openSettings(kim, 'Account');
  const second = kim.page.getByRole('region', { name: 'Second factor' });
  await second.getByLabel('Current password').fill(`${password}!`);
  await second.getByRole('button', { name: 'Set it up' }).click();
  await second.getByRole('alert').waitFor();
  await second.getByLabel('Current password').fill(password);
  await second.getByRole('button', { name: 'Set it up' }).click();
  const secret = await kim.id('totp-secret').innerText();
  await second.getByLabel('Code', { exact: true }).fill(totp(secret));
  await second.getByRole('button', { name: 'Turn it on' }).click();
  await kim.sees('Keep these codes');
  await kim.picture('people-second-factor');
  await second.getByRole('button', { name: 'I have kept them' }).click();
  await kim.sees('recovery codes left');

  const elsewhere = await another(t, app);
  await elsewhere.page.goto(`${app.server.url}/`);
  await elsewhere.page.getByLabel('E-mail address').fill('kim@example.org');
  await elsewhere.page.getByLabel('Password').fill(`${password}!`);
  await elsewhere.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await elsewhere.page.getByRole('alert').waitFor();
  await elsewhere.picture('people-sign-in');
  await elsewhere.page.getByLabel('Password').fill(password);
  await elsewhere.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await elsewhere.page.getByLabel(/Code of your authenticator/).fill(totp(secret, 1));
  await elsewhere.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await elsewhere.id('composer').waitFor();

  await kim.page.reload();
  await kim.online();
  await openSettings(kim, 'Account');
  await kim.page.getByTestId('session').nth(1).waitFor();
  await kim.page.getByTestId('session').getByRole('button', { name: 'Sign out' }).click();
  await elsewhere.page.reload();
  await elsewhere.sees('Welcome to Libre Bird');
  app.assertClean();
});

test('the browser ends with the file', closeBrowser);
