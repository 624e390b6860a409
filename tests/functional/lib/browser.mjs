// A real Chromium in front of a real server.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { atEnd } from './at_end.mjs';
import { Server } from './harness.mjs';
import { ModelServer } from './model_server.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const browserMissing = fs.existsSync(executablePath) ? false : `no browser at ${executablePath}`;

let started;

/** One browser process for a file; every test gets a context (a profile) of its own. */
export function chromiumOnce() {
  started ??= chromium.launch({
    executablePath,
    headless: true,
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'],
  });
  return started;
}

export async function closeBrowser() {
  const browser = await started?.catch(() => null);
  started = undefined;
  await browser?.close();
}

/** A signed-in page on a fresh server. `errors` and `strangers` fill while the test runs. */
export async function openApp(t, { demo = false, context: contextOptions = {}, env = {}, signIn = true } = {}) {
  const model = demo ? undefined : await ModelServer.start(t);
  const server = await Server.start(t, { env: { ...(model?.env() ?? {}), ...env } });
  const browser = await chromiumOnce();
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, locale: 'en-GB', ...contextOptions });
  context.setDefaultTimeout(20_000);
  atEnd(t, () => context.close());
  const page = await context.newPage();
  const app = new App(server, model, context, page);
  if (signIn) await app.signIn();
  return app;
}

export class App {
  errors = []; // console errors and uncaught exceptions
  strangers = []; // requests to any other host

  constructor(server, model, context, page) {
    Object.assign(this, { server, model, context, page });
    this.watch(page);
    context.on('request', (request) => {
      const url = new URL(request.url());
      if (/^(https?|wss?):$/.test(url.protocol) && url.host !== new URL(server.url).host) this.strangers.push(url.href);
    });
  }

  watch(page) {
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(`${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.errors.push(String(error.stack ?? error)));
    page.on('dialog', (dialog) => {
      this.errors.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
  }

  id(testId, within = this.page) {
    return within.getByTestId(testId);
  }

  async signIn() {
    await this.page.goto(`${this.server.url}/sign-in#token=${await this.server.signInToken()}`);
    await this.id('composer').waitFor();
    await this.online();
  }

  async online() {
    await this.page.locator('[data-testid=connection-status][data-status=online]').waitFor({ state: 'attached' });
  }

  async say(text) {
    await this.id('composer').fill(text);
    await this.id('send').click();
  }

  get answers() {
    return this.id('message-assistant');
  }

  get questions() {
    return this.id('message-user');
  }

  /** The n-th answer once it is complete. */
  async answered(n = 0) {
    const answer = this.page.locator('[data-testid=message-assistant]').nth(n);
    await answer.waitFor();
    await this.page.waitForFunction((i) => {
      const status = document.querySelectorAll('[data-testid=message-assistant]')[i]?.dataset.status;
      return status !== undefined && status !== 'streaming';
    }, n);
    return answer;
  }

  async sees(text, where = this.page) {
    await where.getByText(text).first().waitFor();
  }

  async picture(name) {
    if (!process.env.SCREENSHOTS) return;
    fs.mkdirSync(process.env.SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
  }

  /** What every test ends with. `network`: the server was away for a while, so the browser complained. */
  assertClean({ network = false } = {}) {
    const errors = this.errors.filter((e) => !(network && /net::ERR_|WebSocket connection|Failed to load resource/.test(e)));
    assert.deepEqual(errors, [], 'no console errors');
    assert.deepEqual(this.strangers, [], 'no requests to other hosts');
    if (this.model) assert.deepEqual(this.model.violations, []);
  }
}
