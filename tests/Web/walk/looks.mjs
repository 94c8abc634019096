import assert from 'node:assert/strict';

const pages = [
  '', 'connections', 'channels', 'exchanges', 'exchanges/%2F/amq.topic', 'queues', 'queues/%2F/looked-at', 'queues/%2F/looked-at?tab=messages', 'queues/%2F/looked-at?tab=consumers',
  'queues/%2F/looked-at?tab=bindings', 'queues/%2F/looked-at?tab=publish', 'queues/%2F/looked-at?tab=settings', 'dead-letters', 'cluster', 'users', 'users/guest', 'vhosts', 'vhosts/%2F', 'policies', 'definitions', 'log',
];

/** Each page as axe sees it. */
async function look(visitor, theme) {
  await visitor.open({ theme });
  await visitor.page.locator('#username').waitFor();
  assert.deepEqual(await visitor.violations(), [], 'the login');
  await visitor.signIn();
  await visitor.title('Overview');
  await visitor.api('PUT', 'queues/%2F/looked-at-dead', {});
  await visitor.api('PUT', 'queues/%2F/looked-at', { arguments: { 'x-max-length': 10, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'looked-at-dead' } });
  await visitor.api('POST', 'bindings/%2F/e/amq.topic/q/looked-at', { routing_key: 'a.#' });
  const [connection] = await visitor.api('GET', 'connections');
  const clients = connection === undefined ? [] : [`connections/${encodeURIComponent(connection.name)}`, `channels/${encodeURIComponent(`${connection.name} (1)`)}`, 'queues/%2F/consumed?tab=consumers'];
  for (const path of [...pages, ...clients]) {
    await visitor.go(path);
    await visitor.page.locator('.waiting').first().waitFor({ state: 'detached' });
    assert.deepEqual(await visitor.violations(), [], `#/${path}`);
  }

  await visitor.go('nowhere');
  await visitor.title('There is no such page');
  assert.deepEqual(await visitor.violations(), [], 'no page');
  await visitor.go('queues');
  await visitor.role('button', 'New queue').first().click();
  assert.deepEqual(await visitor.violations(), [], 'a dialog');
  await visitor.page.keyboard.press('Escape');
  await visitor.openPalette();
  await visitor.page.locator('.palette [role=option]').first().waitFor();
  assert.deepEqual(await visitor.violations(), [], 'the palette');
}

export const lightForAll = visitor => look(visitor, 'light');

export const darkForAll = visitor => look(visitor, 'dark');
