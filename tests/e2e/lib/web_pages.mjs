// SPDX-License-Identifier: MIT
// The demo app in Debian's chromium: signing in, looking, writing.
// CHROMIUM: path of the browser.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { isBuilt } from './web_server.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why these tests cannot run here; false if they can. */
export const skipWeb = !existsSync(executablePath) ? `no browser at ${executablePath}`
  : !isBuilt ? 'web/dist is not built (npm ci && npm run build in web/)' : false;

export function launch() {
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run'] });
}

/** A browser profile of one's own; whatever goes wrong in its pages is in `.problems`. */
export async function newPerson(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 }, serviceWorkers: 'block', ignoreHTTPSErrors: true, ...options,
  });
  context.problems = [];
  context.on('weberror', (error) => context.problems.push(`${error.error()}`));
  context.on('console', (message) => {
    // Requests that fail are said by the browser itself, and meant by tests.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text())) {
      context.problems.push(message.text());
    }
  });
  return context;
}

export async function signIn(page, url, username, password = `${username}-password`) {
  await page.goto(url);
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Channels and people' }).waitFor();
}

export async function enter(page, channel) {
  await page.locator('.channel', { has: page.getByText(channel, { exact: true }) }).click();
  await page.getByRole('heading', { level: 1, name: channel }).waitFor();
  await composer(page).waitFor();
  await page.locator('.messages').waitFor();
}

export const composer = (page) => page.locator('.composer textarea');

export async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press('Enter');
}

/** A message by its text, confirmed by the server. */
export const message = (page, text) => page.locator('[data-message]', { hasText: text });

/** The texts that are shown, without the breaks that the server puts into markup. */
export async function texts(page) {
  return (await page.locator('[data-message] .message-text').allTextContents()).map((text) => text.replaceAll('\u200b', ''));
}
