// The question about a tool call in Chromium: mouse, keyboard, phone, and the modes.
import test from 'node:test';
import assert from 'node:assert/strict';
import { browserMissing, closeBrowser, openApp } from './lib/browser.mjs';

const options = { timeout: 90_000, skip: browserMissing };

const asking = { LIBREBIRD_APPROVAL_MODE: undefined }; // the default

function script(app) {
  app.model.on('open', (r) => r.toolResults.length > 0 ? `It was ${/Blocked/.test(r.toolResults[0].content) ? 'refused' : 'tried'}.`
    : { text: 'I shall open the page.',
      toolCalls: [{ name: 'open_url', arguments: { url: 'https://a.example/\u202egpj.exe?q=<b>1</b>' } }] });
}
const button = (app, name) => app.id('approval').getByRole('button', { name });

test('a question shows what would run; once, deny and always', options, async (t) => {
  const app = await openApp(t, { env: asking });
  script(app);
  await app.say('open the page');
  const card = app.id('approval');
  await card.waitFor();
  const text = await card.innerText();
  assert.match(text, /May open_url run\?/);
  assert.match(text, /a\.example/);
  assert.match(text, /\\u202egpj\.exe\?q=<b>1<\/b>/, 'nothing hides, nothing is markup');
  assert.match(text, /[45]:\d\d/);
  await app.picture('approval');
  await button(app, 'Allow once').click();
  await app.sees('It was tried.', await app.answered());
  await card.waitFor({ state: 'detached' });

  await app.say('open it again');
  await button(app, 'Deny').click();
  const second = await app.answered(1);
  await app.sees('It was refused.', second);
  assert.equal(await app.id('tool-call', second).getAttribute('data-status'), 'denied');

  await app.say('open it always');
  await button(app, 'Always allow').click();
  await app.answered(2);
  await app.say('open it without a word');
  await app.sees('It was tried.', await app.answered(3));
  await app.page.getByRole('button', { name: /settings/i }).click();
  await app.page.getByRole('tab', { name: 'Tools' }).click();
  await app.id('grant').waitFor();
  await app.picture('approval-settings');
  assert.match(await app.id('grant').innerText(), /open_url[\s\S]*a\.example/);
  await app.id('grant').getByRole('button', { name: /Revoke/ }).click();
  await app.id('grant').waitFor({ state: 'detached' });
  app.assertClean();
});

test('by keyboard alone, after a reload, and the mode of a conversation', options, async (t) => {
  const app = await openApp(t, { env: asking });
  script(app);
  await app.say('open the page');
  await app.id('approval').waitFor();
  await app.page.reload();
  await app.online();
  await app.id('approval').waitFor();
  await app.page.waitForTimeout(600); // the card takes no answer in its first half second
  for (let n = 0; n < 40; n++) {
    await app.page.keyboard.press('Tab');
    if (await app.page.evaluate(() => document.activeElement?.textContent === 'Allow once')) break;
  }
  await app.picture('approval-keyboard');
  await app.page.keyboard.press('Enter');
  await app.sees('It was tried.', await app.answered());
  assert.equal(await app.page.evaluate(() => document.activeElement?.dataset.testid), 'composer', 'one can go on writing');

  await app.id('mode-switch').selectOption('auto');
  await app.page.waitForFunction(() => document.querySelector('.mode-auto'));
  await app.say('open it unasked');
  await app.sees('It was tried.', await app.answered(1));
  await app.id('mode-switch').selectOption('read_only');
  await app.page.waitForFunction(() => document.querySelector('.mode-read_only'));
  await app.say('open it in vain');
  await app.sees('It was refused.', await app.answered(2));
  app.assertClean();
});

test('on a phone, in the dark', options, async (t) => {
  const app = await openApp(t, { env: asking, context: { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true, colorScheme: 'dark' } });
  script(app);
  await app.say('open the page');
  const card = app.id('approval');
  await card.waitFor();
  await app.page.waitForTimeout(600);
  await app.picture('approval-phone');
  for (const name of ['Allow once', 'Always allow', 'Deny']) {
    const box = await button(app, name).boundingBox();
    assert.ok(box.height >= 44 && box.x >= 0 && box.x + box.width <= 390, `${name} can be hit: ${JSON.stringify(box)}`);
  }
  assert.ok(await app.page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing sticks out');
  await button(app, 'Deny').tap();
  await app.sees('It was refused.', await app.answered());
  app.assertClean();
});

test('the browser ends with the file', { timeout: 30_000 }, closeBrowser);
