// The web application on small screens, in the dark, by keyboard alone, and against hostile answers.
import test from 'node:test';
import assert from 'node:assert/strict';
import { browserMissing, closeBrowser, openApp } from './lib/browser.mjs';
import { until, within } from './lib/poll.mjs';

const options = { timeout: 90_000, skip: browserMissing };
const wide = '```js\nconst line = "' + 'x'.repeat(300) + '";\n```\n\n| a | b | c | d | e | f |\n|-|-|-|-|-|-|\n' +
  '| one column | two columns | three columns | four columns | five columns | six columns |\n\n' +
  `https://example.org/${'long'.repeat(60)} ${'W'.repeat(200)}`;

const overflow = (page) => page.evaluate(() => ({
  scroll: document.documentElement.scrollWidth, client: document.documentElement.clientWidth,
}));

test('a phone of 360 px: everything in reach, nothing wider than the screen', options, async (t) => {
  const app = await openApp(t, {
    context: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  });
  const fits = async (what) => {
    const { scroll, client } = await overflow(app.page);
    assert.ok(scroll <= client, `${what}: ${scroll} px wide on ${client}`);
  };
  await fits('the start page');
  app.model.on('wide', (r) => r.toolResults.length > 0 ? wide
    : { text: 'Let me see.', toolCalls: [{ name: 'calculator', arguments: { expression: '1+'.repeat(150) + '1' } }] });
  await app.say(`wide ${'y'.repeat(200)}`);
  const answer = await app.answered();
  await fits('an answer with code, a table and long words');
  await app.id('tool-call', answer).getByRole('button').first().click();
  await fits('an unfolded tool');
  await app.picture('phone-answer');
  await app.page.getByRole('button', { name: 'Open the conversation list' }).click();
  await app.id('new-chat').waitFor();
  await fits('the conversation list');
  await app.picture('phone-list');
  await app.id('new-chat').click();
  await app.say('second');
  await app.sees('You said: second', await app.answered());
  const send = await app.id('composer').boundingBox();
  assert.ok(send.y + send.height <= 640, 'the composer is on the screen');
  app.assertClean();
});

test('dark and light follow the system', options, async (t) => {
  const app = await openApp(t);
  app.model.on('code', '```python\nprint("hi")  # a comment\n```\nand `inline` code');
  await app.say('code');
  await app.answered();
  const lightness = () => app.page.evaluate(() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number);
    return (r + g + b) / 3;
  });
  await app.page.emulateMedia({ colorScheme: 'light' });
  await until('a light page', async () => (await lightness()) > 180);
  await app.picture('light');
  await app.page.emulateMedia({ colorScheme: 'dark' });
  await until('a dark page', async () => (await lightness()) < 80);
  await app.picture('dark');
  for (const colorScheme of ['light', 'dark']) {
    await app.page.emulateMedia({ colorScheme });
    const poor = await until('colours to settle', async () => contrast(app.page));
    assert.ok(poor.ratio >= 4.5, `${colorScheme}: contrast ${poor.ratio.toFixed(2)} of answer text`);
  }
  app.assertClean();
});

/** WCAG contrast of the answer's text against the nearest painted background. */
function contrast(page) {
  return page.evaluate(() => {
    const parse = (c) => c.match(/[\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const text = document.querySelector('[data-testid=message-assistant] p');
    let box = text;
    while (box.parentElement && /rgba\(.*, 0\)|transparent/.test(getComputedStyle(box).backgroundColor)) box = box.parentElement;
    const [a, b] = [getComputedStyle(text).color, getComputedStyle(box).backgroundColor].map((c) => luminance(parse(c)));
    return { ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) };
  });
}

test('the whole flow by keyboard alone', options, async (t) => {
  const app = await openApp(t);
  const { keyboard } = app.page;
  await until('the composer to have the focus', () =>
    app.page.evaluate(() => document.activeElement?.dataset.testid === 'composer'));
  await keyboard.type('first line');
  await keyboard.press('Shift+Enter');
  await keyboard.type('second line');
  await keyboard.press('Enter');
  await app.answered();
  assert.equal(app.model.requests[0].lastUser, 'first line\nsecond line');

  const hold = app.model.hold('long');
  await keyboard.type('long');
  await keyboard.press('Enter');
  await within('the model request', hold.started);
  hold.send('some words');
  await app.sees('some words', app.answers);
  await keyboard.press('Escape');
  assert.equal((await within('the model to be left alone', hold.closed, 5000)).aborted, true);
  await app.answered(1);

  // Every button can be reached, has a name and shows that it has the focus.
  const reached = new Set();
  for (let i = 0; i < 60; i++) {
    await keyboard.press('Tab');
    const at = await app.page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      const style = getComputedStyle(e);
      const wrapper = getComputedStyle(e.parentElement);
      const ring = (s) => (s.outlineStyle !== 'none' && s.outlineWidth !== '0px') || s.boxShadow !== 'none';
      return {
        name: e.getAttribute('aria-label') || e.title || e.innerText || e.labels?.[0]?.innerText || e.dataset.testid || '',
        tag: e.tagName, id: e.dataset.testid, ring: ring(style) || ring(wrapper) || e.tagName === 'TEXTAREA' || e.tagName === 'PRE',
      };
    });
    if (!at) continue;
    assert.ok(at.name.trim(), `a control without a name: ${JSON.stringify(at)}`);
    assert.ok(at.ring, `no visible focus: ${JSON.stringify(at)}`);
    reached.add(at.id ?? at.name.trim());
  }
  for (const wanted of ['new-chat', 'search', 'conversation-item', 'model-badge', 'composer']) {
    assert.ok(reached.has(wanted), `${wanted} in ${[...reached]}`);
  }
  await keyboard.press('Control+k');
  await until('the search to have the focus', () =>
    app.page.evaluate(() => document.activeElement?.dataset.testid === 'search'));
  app.assertClean();
});

test('an API key is made, copied and revoked by keyboard; the focus never gets lost', options, async (t) => {
  const app = await openApp(t, { demo: true });
  const { page } = app;
  const focused = (what, check) => until(`the focus on ${what}`, () => page.evaluate(check));
  const status = async (secret) =>
    (await fetch(`${app.server.url}/api/v1/me`, { headers: { authorization: `Bearer ${secret}` } })).status;
  await page.getByRole('button', { name: 'Settings' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('tab', { name: 'General' }).focus();
  for (const tab of ['Account', 'Workspace', 'API keys']) {
    await page.keyboard.press('ArrowRight');
    await focused(`the tab ${tab}`, `document.activeElement.textContent === ${JSON.stringify(tab)}`);
  }
  await page.getByRole('textbox', { name: 'Name of the new key' }).focus();
  await page.keyboard.type('laptop');
  await page.keyboard.press('Enter');
  const shown = app.id('api-key-secret');
  const secret = await shown.innerText();
  assert.equal(await status(secret), 200);
  await page.getByRole('button', { name: 'Revoke laptop' }).focus();
  await page.keyboard.press('Enter');
  await focused('Keep, the harmless one', () => document.activeElement.textContent === 'Keep');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await app.sees('There are no keys.');
  assert.equal(await status(secret), 401);
  assert.equal(await shown.count(), 0, 'a key that is no more is not offered');
  await focused('the field', () => document.activeElement.ariaLabel === 'Name of the new key');
  await page.keyboard.press('Escape');
  await focused('the button it was opened with', () => document.activeElement.ariaLabel === 'Settings');
  app.assertClean();
});

test('an answer cannot run code or lead astray', options, async (t) => {
  const app = await openApp(t);
  const poison = [
    '<img src=x onerror="window.pwned=1">', '<script>window.pwned=2</script>', '<svg onload="window.pwned=3"></svg>',
    '[click me](javascript:window.pwned=4)', '[and me](data:text/html,<script>window.pwned=5</script>)',
    '[entity](java&#115;cript:window.pwned=6)', '<a href="javascript:window.pwned=7">raw</a>',
    '![tracker](https://tracker.example/pixel.png)', '<iframe srcdoc="<script>parent.pwned=8</script>"></iframe>',
    '<style>body{display:none}</style>', '<form action="https://evil.example"><input name=x></form>',
    '[vb](vbscript:msgbox)', '```html\n<img src=x onerror="window.pwned=9">\n```', '\u202Eesrever\u202C',
    '[fine](https://example.org/)',
  ].join('\n\n');
  app.model.on('poison', (r) => r.toolResults.length > 0 ? poison : {
    text: poison.slice(0, 60), toolCalls: [{ name: 'text_case', arguments: { text: poison, case: 'upper' } }],
  });
  await app.say('poison <img src=x onerror="window.pwned=10">');
  const answer = await app.answered();
  await app.id('tool-call', answer).getByRole('button').first().click();
  await app.sees('Arguments', answer);
  const seen = await answer.evaluate((element) => ({
    pwned: window.pwned,
    live: element.querySelectorAll('script, iframe, object, embed, form, style, [onerror], [onload]').length,
    links: [...element.querySelectorAll('a')].map((a) => [a.getAttribute('href'), a.rel, a.target]),
    images: [...document.querySelectorAll('article img')].map((i) => i.src),
  }));
  assert.equal(seen.live, 0);
  for (const [href, rel] of seen.links) {
    if (href) assert.match(href, /^(https?:|mailto:|#|\/)/i, href);
    if (href?.startsWith('http')) assert.match(rel, /noopener|noreferrer/);
  }
  assert.ok(seen.links.some(([href]) => href === 'https://example.org/'));
  for (const name of ['click me', 'and me', 'entity', 'vb']) {
    const link = answer.getByText(name, { exact: true });
    if (await link.count()) await link.first().click();
  }
  assert.equal(await app.page.evaluate(() => window.pwned), undefined, 'nothing ran');
  assert.match(app.page.url(), /\/c\//, 'the page was not left');
  assert.equal(app.context.pages().length, 1, 'no window was opened');
  assert.deepEqual(seen.images.filter((src) => !src.startsWith(app.server.url) && !src.startsWith('data:')), []);

  // A title made of markup is text as well.
  await app.id('conversation-item').getByText(/onerror|poison/).first().waitFor();
  app.assertClean();
});

test('Markdown is shown as such, also while it streams', options, async (t) => {
  const app = await openApp(t);
  app.model.on('markdown', {
    tokens: [...'# Title\n\n- one\n- **two**\n\n1. first\n\n```js\nconst a = 1 < 2;\n```\n\n| h |\n|---|\n| cell |\n\n> quote\n'],
    everyMs: 1,
  });
  await app.say('markdown');
  const answer = await app.answered();
  for (const selector of ['h1, h2, h3', 'ul li', 'strong', 'ol li', 'pre code', 'table td', 'blockquote']) {
    assert.ok(await answer.locator(selector).count(), selector);
  }
  assert.match(await answer.locator('pre code').innerText(), /const a = 1 < 2;/);
  assert.ok(await answer.locator('pre code span').count(), 'code is highlighted');
  await app.picture('markdown');
  app.assertClean();
});

test('a very long conversation stays usable', options, async (t) => {
  const app = await openApp(t);
  const rest = await app.server.program();
  const { id } = await rest.conversation('long');
  app.model.on('turn', { text: 'word '.repeat(200), size: 200 });
  for (let i = 0; i < 60; i++) await rest.ask(id, `turn ${i}`);
  await app.page.goto(`${app.server.url}/c/${id}`);
  await app.sees('turn 59');
  const bottom = () => app.page.evaluate(() => {
    const last = [...document.querySelectorAll('[data-testid=message-assistant]')].at(-1).getBoundingClientRect();
    return last.bottom <= innerHeight + 4 && last.bottom > 0;
  });
  await until('the end of it to be shown', bottom);
  const hold = app.model.hold('more');
  await app.say('more');
  await within('the model request', hold.started);
  hold.send('new words');
  await app.sees('new words', app.answers);
  await until('the end to stay in view', bottom);
  hold.finish();
  app.assertClean();
});

test('the browser ends with the file', { timeout: 30_000 }, closeBrowser);
