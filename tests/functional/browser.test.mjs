// The web application in Chromium: what a person does with it, from the sign-in link on.
import test from 'node:test';
import assert from 'node:assert/strict';
import { browserMissing, closeBrowser, openApp } from './lib/browser.mjs';
import { until, within } from './lib/poll.mjs';

const options = { timeout: 90_000, skip: browserMissing };
const question = 'What is 17.5% of 2340, and what is today\'s date?';

test('sign in by the link, ask, watch it stream, look into the tools', options, async (t) => {
  const app = await openApp(t, { demo: true, signIn: false });
  await app.page.goto(app.server.url);
  await app.page.getByText(/sign-in-link|sign in/i).first().waitFor();
  app.errors.length = 0; // the browser reports the 401 that told the page so
  await app.signIn();
  assert.ok(!app.page.url().includes('token'), 'the token is out of the address and the history');
  await app.picture('empty');
  assert.equal(await app.id('model-badge').getAttribute('data-demo'), 'true');
  await app.say(question);
  const answer = await app.answered();
  await app.sees(/409\.5/, answer);
  const cards = app.id('tool-call', answer);
  assert.equal(await cards.count(), 2);
  for (const card of await cards.all()) assert.equal(await card.getAttribute('data-status'), 'ok');
  const names = (await cards.allInnerTexts()).join(' ');
  assert.match(names, /calculator/);
  assert.match(names, /get_datetime/);
  const calculator = cards.filter({ hasText: 'calculator' });
  const toggle = calculator.getByRole('button').first();
  assert.equal(await toggle.getAttribute('aria-expanded'), 'false', 'folded at first');
  await app.picture('answer');
  await toggle.click();
  await calculator.getByText('Arguments').waitFor();
  assert.match(await calculator.innerText(), /expression[\s\S]*2340[\s\S]*409\.5/);
  await app.picture('answer-unfolded');
  await toggle.click();
  await calculator.getByText('Arguments').waitFor({ state: 'hidden' });
  assert.match(app.page.url(), /\/c\/[0-9a-f-]{36}$/);
  assert.match(await app.page.title(), /Libre Bird/);
  assert.equal(await app.id('conversation-item').count(), 1);
  app.assertClean();
});

test('a used link says so and offers a way on', options, async (t) => {
  const app = await openApp(t, { demo: true, signIn: false });
  const token = await app.server.signInToken();
  await app.server.browser(token);
  await app.page.goto(`${app.server.url}/sign-in#token=${token}`);
  await app.page.getByRole('alert').waitFor();
  await app.sees(/librebird sign-in-link/);
  // The next link, pasted into the same tab, changes only the fragment: the page is not loaded again.
  await app.page.goto(`${app.server.url}/sign-in#token=${await app.server.signInToken()}`);
  await app.id('composer').waitFor();
  assert.ok(!app.page.url().includes('token'));
  assert.deepEqual(app.strangers, []);
});

test('words appear while the model speaks; stop keeps them', options, async (t) => {
  const app = await openApp(t);
  const hold = app.model.hold('story');
  await app.say('a story');
  await within('the model request', hold.started);
  hold.send('Once upon ');
  await app.sees('Once upon', app.answers);
  hold.send('a time');
  await app.sees('Once upon a time', app.answers);
  assert.equal(await app.answers.getAttribute('data-status'), 'streaming');
  await app.picture('streaming');
  await app.id('stop').click();
  assert.equal((await within('the model to be left alone', hold.closed, 5000)).aborted, true);
  const answer = await app.answered();
  await app.sees('Once upon a time', answer);
  await app.sees(/was stopped/, answer);
  await app.id('stop').waitFor({ state: 'detached' });
  await app.say('and on');
  await app.sees('You said: and on', await app.answered(1));
  app.assertClean();
});

test('edit a question, answer again', options, async (t) => {
  const app = await openApp(t);
  app.model.on('joke', () => `joke number ${app.model.requests.length}`);
  await app.say('frist');
  await app.answered(0);
  await app.say('a joke');
  await app.sees('joke number 2', await app.answered(1));
  await app.answers.nth(1).hover();
  await app.answers.nth(1).getByRole('button', { name: 'Answer again' }).click();
  await app.sees('joke number 3', app.answers.nth(1));
  await app.answered(1);
  assert.equal(await app.answers.count(), 2);

  await app.questions.first().hover();
  await app.questions.first().getByRole('button', { name: 'Edit message' }).click();
  const editor = app.page.getByRole('textbox', { name: 'Edit message' });
  await editor.fill('first');
  await editor.press('Enter');
  await app.sees('You said: first', app.answers);
  await until('the rest to leave', async () => (await app.questions.count()) === 1);
  await app.page.reload();
  await app.sees('You said: first', await app.answered(0));
  assert.equal(await app.questions.count(), 1);
  assert.equal(await app.answers.count(), 1);
  app.assertClean();
});

test('rename, search, archive and delete conversations', options, async (t) => {
  const app = await openApp(t);
  for (const text of ['the mackerel question', 'the kingfisher question']) {
    await app.id('new-chat').click();
    await app.say(text);
    await app.answered();
  }
  const items = app.id('conversation-item');
  await until('two conversations', async () => (await items.count()) === 2);
  const mackerel = app.page.locator('li', { has: items.filter({ hasText: /mackerel/ }) });
  await mackerel.hover();
  await mackerel.getByRole('button', { name: /^Rename/ }).click();
  const title = app.page.getByRole('textbox', { name: 'New title' });
  await title.fill('Fish & <b>chips</b>');
  await title.press('Enter');
  await items.filter({ hasText: 'Fish & <b>chips</b>' }).waitFor();

  await app.id('search').fill('mackerel');
  await until('one hit', async () => (await items.count()) === 1);
  assert.match(await items.innerText(), /Fish & <b>chips<\/b>/);
  await app.picture('search');
  await items.first().click();
  await app.sees('You said: the mackerel question');
  await app.id('search').fill('');
  await until('all again', async () => (await items.count()) === 2);

  const fish = app.page.locator('li', { has: items.filter({ hasText: 'Fish &' }) });
  await fish.hover();
  await fish.getByRole('button', { name: /^Delete/ }).click();
  await app.page.getByRole('dialog').or(app.page.getByRole('alertdialog')).getByRole('button', { name: 'Delete' }).click();
  await until('it to be gone', async () => (await items.count()) === 1);
  await until('the page of it to be left', () => new URL(app.page.url()).pathname === '/');
  const other = app.page.locator('li', { has: items.first() });
  await other.hover();
  await other.getByRole('button', { name: /^Archive/ }).click();
  await until('an empty list', async () => (await items.count()) === 0);
  app.assertClean();
});

test('reload in the middle of an answer goes on without a doubled word', options, async (t) => {
  const app = await openApp(t);
  const hold = app.model.hold('count');
  await app.say('count');
  await within('the model request', hold.started);
  for (let i = 0; i < 20; i++) hold.send(`w${i} `);
  await app.sees(/w19/, app.answers);
  await app.page.reload();
  await app.sees(/w19/, app.answers);
  for (let i = 20; i < 40; i++) hold.send(`w${i} `);
  await app.sees(/w39/, app.answers);
  await app.page.reload();
  hold.send('end');
  hold.finish();
  const answer = await app.answered();
  const words = (await answer.innerText()).match(/w\d+/g);
  assert.deepEqual(words, Array.from({ length: 40 }, (_, i) => `w${i}`));
  assert.equal(await app.answers.count(), 1);
  assert.equal(await app.questions.count(), 1);
  app.assertClean();
});

test('two tabs show the same conversation live', options, async (t) => {
  const app = await openApp(t);
  await app.say('hello');
  await app.answered();
  const second = await app.context.newPage();
  app.watch(second);
  await second.goto(app.page.url());
  await second.getByTestId('message-assistant').waitFor();
  const hold = app.model.hold('both');
  await app.say('both tabs');
  await within('the model request', hold.started);
  hold.send('seen twice');
  for (const page of [app.page, second]) await page.getByTestId('message-assistant').getByText('seen twice').waitFor();
  hold.finish();
  for (const page of [app.page, second]) {
    await page.locator('[data-testid=message-assistant][data-status=complete]').nth(1).waitFor();
    assert.equal(await page.getByTestId('message-user').count(), 2);
  }
  app.assertClean();
});

test('the server restarts in the middle of an answer: the page reconnects and shows it whole', options, async (t) => {
  const app = await openApp(t);
  app.model.on('restart', 'the whole answer after the restart');
  const hold = app.model.hold('restart');
  await app.say('restart');
  await within('the model request', hold.started);
  hold.send('half of ');
  await app.sees('half of', app.answers);
  await app.server.kill();
  await app.page.locator('[data-testid=connection-status]:not([data-status=online])').waitFor({ state: 'attached' });
  await app.picture('offline');
  await app.server.start();
  await app.online();
  const answer = await app.answered();
  await app.sees('the whole answer after the restart', answer);
  assert.equal(await answer.getByText('half of').count(), 0, 'the lost attempt is replaced');
  assert.equal(await app.questions.count(), 1);
  assert.equal(await app.answers.count(), 1);
  app.assertClean({ network: true });
});

test('a message written while the server is away is sent once it is back', options, async (t) => {
  const app = await openApp(t);
  await app.say('before');
  await app.answered();
  await app.server.stop();
  await app.page.locator('[data-testid=connection-status]:not([data-status=online])').waitFor({ state: 'attached' });
  await app.say('meanwhile');
  await app.questions.nth(1).waitFor();
  await app.server.start();
  await app.sees('You said: meanwhile', await app.answered(1));
  assert.equal(app.model.requests.filter((r) => r.lastUser === 'meanwhile').length, 1);
  app.assertClean({ network: true });
});

test('a failed answer says why, also after a reload, and can be asked again', options, async (t) => {
  const app = await openApp(t);
  app.model.queue({ fault: 'status', status: 401 });
  await app.say('will fail');
  for (const when of ['at once', 'after a reload']) {
    const answer = await app.answered();
    await answer.getByRole('alert').waitFor();
    assert.match(await answer.innerText(), /key/i, when);
    assert.equal(await answer.getAttribute('data-status'), 'failed', when);
    if (when === 'at once') await app.page.reload();
  }
  await app.picture('failed');
  await app.answers.getByRole('button', { name: 'Answer again' }).click();
  await app.sees('You said: will fail', app.answers);
  await app.answered();
  assert.equal(await app.page.getByRole('alert').count(), 0);
  assert.equal(await app.answers.count(), 1);
  app.assertClean();
});

test('it can be installed: manifest, icons, and a policy that allows them', options, async (t) => {
  const app = await openApp(t, { demo: true });
  const manifest = await app.page.evaluate(async () => {
    const answer = await fetch(document.querySelector('link[rel=manifest]').href);
    return { type: answer.headers.get('content-type'), body: await answer.json() };
  });
  assert.equal(manifest.type, 'application/manifest+json');
  assert.equal(manifest.body.name, 'Libre Bird');
  const sizes = await app.page.evaluate((icons) => Promise.all(icons.map(async ({ src, sizes: wanted }) => {
    const image = new Image();
    image.src = src;
    await image.decode();
    return wanted === 'any' || wanted === `${image.naturalWidth}x${image.naturalHeight}`;
  })), manifest.body.icons);
  assert.ok(sizes.length >= 3 && sizes.every(Boolean), 'every icon loads and has the size it claims');
  app.assertClean();
});

test('an idea on the empty page is asked with one click', options, async (t) => {
  const app = await openApp(t, { demo: true });
  await app.page.getByRole('list', { name: 'Ideas to begin with' }).getByRole('button').first().click();
  const answer = await app.answered();
  await app.sees(/409\.5/, answer);
  assert.equal(await app.id('tool-call', answer).count(), 2);
  app.assertClean();
});

test('the browser ends with the file', { timeout: 30_000 }, closeBrowser);
