// Takes the pictures of the README from the real application: node readme_pictures.mjs
import test from 'node:test';
import fs from 'node:fs';
import path from 'node:path';
import { browserMissing, closeBrowser, openApp } from './lib/browser.mjs';
import { repository } from './lib/harness.mjs';

const folder = path.join(repository, 'docs/screenshots');
const others = ['Count the words in: the quick brown fox', 'Convert to snake case: Hello World', 'Base64 encode: hello'];
const question = 'What is 17.5% of 2340, and what is today\'s date?';

async function picture(t, name, context, unfold) {
  const app = await openApp(t, { demo: true, context });
  const rest = await app.server.program();
  for (const text of others) await rest.ask((await rest.conversation()).id, text);
  await app.say(question);
  const answer = await app.answered();
  await app.id('message-user').waitFor();
  if (unfold) await app.id('tool-call', answer).first().getByRole('button').first().click();
  await app.page.mouse.move(0, 0);
  await app.page.evaluate(() => {
    document.activeElement?.blur();
    return Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished));
  });
  fs.mkdirSync(folder, { recursive: true });
  await app.page.screenshot({ path: path.join(folder, name) });
  app.assertClean();
}

test('light, on a desk', { skip: browserMissing }, (t) =>
  picture(t, 'chat-light.png', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }, true));
test('dark, on a phone', { skip: browserMissing }, (t) => picture(t, 'chat-dark-phone.png', {
  viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, colorScheme: 'dark',
}, false));
test('the browser ends with the file', closeBrowser);
