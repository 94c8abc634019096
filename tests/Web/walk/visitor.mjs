import assert from 'node:assert/strict';

const patience = 15_000;

/** Somebody with a browser window of his own, who may also ask the API behind the page's back. */
export class Visitor {
  #browser;
  #axe;
  #context;
  #complaints = [];

  constructor(browser, address, axe) {
    this.#browser = browser;
    this.address = address;
    this.#axe = axe;
  }

  /** Opens the page. */
  async open({ width = 1280, height = 860, theme = 'light', locale = 'en-GB', path = '' } = {}) {
    this.#context = await this.#browser.newContext({ viewport: { width, height }, colorScheme: theme, locale, reducedMotion: 'reduce' });
    this.page = await this.#context.newPage();
    this.page.setDefaultTimeout(patience);
    this.page.on('pageerror', error => this.#complaints.push(String(error)));
    this.page.on('console', message => {
      // That a login is refused, and what is not there, is told in the console, too.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        this.#complaints.push(message.text());
      }
    });
    await this.page.goto(`${this.address}/#/${path}`);
    return this;
  }

  async signIn(user = 'guest', password = 'guest') {
    await this.page.locator('#username').fill(user);
    await this.page.locator('#password').fill(password);
    await this.page.locator('.login-box button[type=submit]').click();
  }

  async enter(options = {}) {
    await this.open(options);
    await this.signIn();
    await this.page.locator('.main').waitFor();
    return this;
  }

  async go(path) {
    await this.page.evaluate(to => {
      location.hash = `#/${to}`;
    }, path);
    await this.page.locator('h1').first().waitFor();
  }

  role(role, name, options = {}) {
    return this.page.getByRole(role, { name, ...options });
  }

  label(label) {
    return this.page.getByLabel(label, { exact: true });
  }

  async sees(text) {
    await this.page.getByText(text).first().waitFor();
  }

  async title(text) {
    await this.page.getByRole('heading', { level: 1, name: text, exact: true }).waitFor();
  }

  /** Waits until the address has something: the browser tells of a change in its own time. */
  async addressHas(pattern) {
    await this.until(() => pattern.test(this.page.url()), `the address has ${pattern}`);
  }

  /** Opens the palette, which has the focus before the next key. */
  async openPalette() {
    const hasFocus = await this.page.evaluate(async () => {
      dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }));
      await new Promise(resolve => setTimeout(resolve, 0));
      return document.activeElement.matches('.palette input');
    });
    assert.ok(hasFocus, 'The palette has not the focus.');
  }

  /** Waits until something is so. */
  async until(isSo, what) {
    const end = Date.now() + patience;
    while (!(await isSo())) {
      assert.ok(Date.now() < end, `It never came to it that ${what}.`);
      await this.page.waitForTimeout(50);
    }
  }

  async api(method, path, body) {
    const response = await fetch(`${this.address}/api/${path}`, {
      method,
      headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  async publish(queue, payload, vhost = '/') {
    await this.api('POST', `exchanges/${encodeURIComponent(vhost)}/amq.default/publish`, { properties: { delivery_mode: 2 }, routing_key: queue, payload, payload_encoding: 'string' });
  }

  /** What is wrong with the page for who cannot see it, or not well. */
  async violations() {
    await this.page.evaluate(this.#axe);
    const result = await this.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return result.violations.map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => `${node.html.slice(0, 160)} (${node.failureSummary?.split('\n')[1] ?? ''})`).join('; ')}`);
  }

  async picture(name) {
    if (process.env.WEB_PICTURES && this.page) {
      await this.page.screenshot({ path: `${process.env.WEB_PICTURES}/${name}.png` }).catch(() => undefined);
    }
  }

  async leave() {
    await this.#context?.close();
    assert.deepEqual(this.#complaints, [], 'the browser complained');
  }
}
