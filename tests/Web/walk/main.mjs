// Walks the management page of the broker at the given address, and prints a line of JSON for each walk: its name, how long it took, and what went wrong, if anything did.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { Visitor } from './visitor.mjs';
import * as walks from './walks.mjs';
import * as looks from './looks.mjs';

// The packages are in another folder than this script.
const require = createRequire(`${process.env.WEB_PACKAGES}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [, , address, ...chosen] = process.argv;
const browser = await chromium.launch({
  executablePath: process.env.WEB_BROWSER,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
});
const all = Object.entries({ ...walks, ...looks }).filter(([name]) => chosen.length === 0 || chosen.includes(name));
for (const [name, walk] of all) {
  const began = Date.now();
  const visitor = new Visitor(browser, address, axe);
  let error = null;
  try {
    await walk(visitor);
    await visitor.leave();
  } catch (failure) {
    error = String(failure.stack ?? failure).replace(/\u001b\[[0-9;]*m/g, '');
    await visitor.picture(name);
    await visitor.leave().catch(() => undefined);
  }

  console.log(JSON.stringify({ name, milliseconds: Date.now() - began, error }));
}

await browser.close();
