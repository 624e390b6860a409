// "Your data" in Chromium: everything is taken along, brought in again, and nothing is erased without the password. And
// how long the workspace keeps conversations.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { browserMissing, closeBrowser, openApp } from './lib/browser.mjs';
import { tempDir } from './lib/harness.mjs';

const options = { timeout: 120_000, skip: browserMissing };

async function openSettings(app, tab) {
  await app.page.getByRole('button', { name: 'Settings' }).click();
  await app.page.getByRole('tab', { name: tab }).click();
}

test('one takes everything along and brings it in again', options, async (t) => {
  const app = await openApp(t, { demo: true });
  await app.say('hello there');
  await app.answered();
  await openSettings(app, 'Your data');
  const page = app.page;
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
  const file = path.join(tempDir(t), download.suggestedFilename());
  await download.saveAs(file);
  assert.equal(path.basename(file), 'librebird-export.tar.gz');
  assert.equal(fs.readFileSync(file).readUInt16BE(0), 0x1f8b, 'a gzip file');

  const section = page.getByRole('region', { name: 'Bring an export in' });
  await section.getByLabel('The archive').setInputFiles(file);
  await section.getByRole('button', { name: 'Import' }).click();
  await section.getByText('conversations: 0 added, 1 there already').waitFor();
  await app.picture('your-data');
  await section.getByLabel('The archive').setInputFiles({ name: 'x.tar.gz', mimeType: 'application/gzip', buffer: Buffer.from('hello') });
  await section.getByRole('button', { name: 'Import' }).click();
  await section.getByRole('alert').getByText('cannot be used').waitFor();

  const erase = page.getByRole('region', { name: 'Erase your account' });
  await erase.getByLabel('Your password').fill('not this one');
  await erase.getByRole('button', { name: 'Erase', exact: true }).click();
  await erase.getByRole('button', { name: 'Erase it for good' }).click();
  await erase.getByRole('alert').getByText('set one first').waitFor();
  await page.keyboard.press('Escape');
  await page.reload();
  await app.online();
  await app.sees('hello there');
});

test('an admin says how long conversations are kept, and is asked before any goes', options, async (t) => {
  const app = await openApp(t, { demo: true });
  await openSettings(app, 'Workspace');
  const section = app.page.getByRole('region', { name: 'How long conversations are kept' });
  await section.getByText('Conversations: for ever.').waitFor();
  await section.getByLabel('Days (0: for ever)').fill('90');
  await section.getByRole('button', { name: 'Set' }).click();
  await section.getByText('Conversations: 90 days after the last message.').waitFor();
  await app.picture('retention');
  app.assertClean();
});

test('the browser ends with the file', closeBrowser);
