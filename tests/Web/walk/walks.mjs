import assert from 'node:assert/strict';

const unique = prefix => `${prefix}-${Math.random().toString(36).slice(2, 10)}`;

export async function login(visitor) {
  await visitor.open();
  await visitor.signIn('guest', 'wrong');
  await visitor.sees('The user name or the password is not right.');
  await visitor.signIn();
  await visitor.title('Overview');
  await visitor.page.reload();
  await visitor.title('Overview');
  await visitor.role('button', 'Sign out').click();
  await visitor.page.locator('#username').waitFor();
  await visitor.page.reload();
  await visitor.page.locator('#username').waitFor();
}

export async function queue(visitor) {
  const name = unique('walk');
  await visitor.enter({ path: 'queues' });
  await visitor.role('button', 'New queue').first().click();
  await visitor.label('Name').fill(name);
  await visitor.role('button', 'Create').click();
  await visitor.title(name);

  await visitor.role('tab', 'Publish').click();
  await visitor.label('Payload').fill('{"id":1}');
  await visitor.page.locator('.as-command summary').click();
  await visitor.sees(new RegExp(`curl -u guest -X POST .*${name}`));
  await visitor.role('button', 'Publish').click();
  await visitor.sees('Published: a queue has it.');

  // The chart moves: its line is told with the new value.
  await visitor.role('tab', 'Overview').click();
  await visitor.page.getByRole('img', { name: /Messages in the queue\. Now: Ready 1/ }).waitFor();
  const points = async () => Number(await visitor.page.locator('figure.chart').first().getAttribute('data-points'));
  const before = await points();
  await visitor.until(async () => (await points()) > before, 'the chart has more points');
  await visitor.sees('Nobody consumes');

  await visitor.role('tab', 'Messages').click();
  await visitor.role('button', 'Get messages').click();
  await visitor.page.getByRole('article', { name: 'Message 1' }).getByText('"id": 1').waitFor();
  assert.equal((await visitor.api('GET', `queues/%2F/${name}`)).messages_ready, 1);

  await visitor.role('button', 'Purge').click();
  await visitor.page.getByRole('dialog').getByRole('button', { name: 'Purge', exact: true }).click();
  await visitor.sees('The queue is empty.');
  await visitor.until(async () => (await visitor.api('GET', `queues/%2F/${name}`)).messages === 0, 'the queue is empty');

  await visitor.role('button', 'Delete').click();
  await visitor.page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await visitor.title('Queues');
  await visitor.until(async () => (await visitor.api('GET', 'queues')).every(one => one.name !== name), 'the queue is gone');
}

export async function move(visitor) {
  const [from, to] = [unique('from'), unique('to')];
  await visitor.enter();
  for (const name of [from, to]) {
    await visitor.api('PUT', `queues/%2F/${name}`, {});
  }

  await visitor.publish(from, 'moved');
  await visitor.go(`queues/%2F/${from}?tab=messages`);
  await visitor.label('To the queue').fill(to);
  await visitor.role('button', 'Move').click();
  await visitor.sees('1 messages were moved.');
  assert.equal((await visitor.api('GET', `queues/%2F/${to}`)).messages, 1);
}

export async function deadLetters(visitor) {
  const [queue, dead] = [unique('dying'), unique('dead')];
  await visitor.enter();
  await visitor.api('PUT', `queues/%2F/${dead}`, {});
  await visitor.api('PUT', `queues/%2F/${queue}`, { arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } });
  await visitor.publish(queue, 'lost');
  await visitor.api('POST', `queues/%2F/${queue}/get`, { count: 1, ackmode: 'reject_requeue_false', encoding: 'auto' });
  await visitor.until(async () => (await visitor.api('GET', `queues/%2F/${dead}`)).messages_ready === 1, 'the message died');
  await visitor.go(`dead-letters?queue=${encodeURIComponent(`/ ${dead}`)}`);
  await visitor.page.getByRole('cell', { name: 'rejected' }).waitFor();
  await visitor.role('button', 'Redrive').click();
  await visitor.page.getByRole('dialog').getByRole('button', { name: 'Redrive' }).click();
  await visitor.sees('1 messages were moved.');
  assert.equal((await visitor.api('GET', `queues/%2F/${queue}`)).messages, 1);
}

export async function exchange(visitor) {
  const [name, queue] = [unique('topic'), unique('bound')];
  await visitor.enter({ path: 'exchanges' });
  await visitor.api('PUT', `queues/%2F/${queue}`, {});
  await visitor.role('button', 'New exchange').click();
  await visitor.label('Name').fill(name);
  await visitor.page.getByRole('dialog').getByLabel('Type', { exact: true }).selectOption('topic');
  await visitor.role('button', 'Create').click();
  await visitor.title(name);
  await visitor.page.getByText('Add a binding').click();
  await visitor.page.locator('details[open]').getByLabel('Name', { exact: true }).fill(queue);
  await visitor.page.locator('details[open]').getByLabel('Routing key', { exact: true }).fill('orders.*');
  await visitor.role('button', 'Bind', { exact: true }).click();
  await visitor.page.locator('.topology text').filter({ hasText: 'orders.*' }).waitFor();
  await visitor.page.locator('#route-key').fill('orders.new');
  await visitor.role('button', 'Test').click();
  await visitor.page.locator('.route-answer').getByRole('link', { name: queue }).waitFor();
  await visitor.page.locator('#route-key').fill('invoices.new');
  await visitor.role('button', 'Test').click();
  await visitor.sees('It would go nowhere');
}

export async function user(visitor) {
  const name = unique('user');
  await visitor.enter({ path: 'users' });
  await visitor.role('button', 'New user').click();
  await visitor.label('Name').fill(name);
  await visitor.label('Password').fill('secret');
  await visitor.page.getByRole('checkbox', { name: /^monitoring/ }).check();
  await visitor.role('button', 'Create').click();
  await visitor.title(name);
  await visitor.sees('This user may not enter any virtual host');
  await visitor.label('Configure').fill(`^${name}-`);
  await visitor.role('button', 'Set permission').click();
  await visitor.sees('The permission is set.');
  assert.deepEqual(await visitor.api('GET', `permissions/%2F/${name}`), { user: name, vhost: '/', configure: `^${name}-`, write: '.*', read: '.*' });
  await visitor.role('button', 'Sign out').click();
  await visitor.signIn(name, 'secret');
  await visitor.page.locator('.nav').getByRole('link', { name: 'Queues' }).waitFor();
  assert.equal(await visitor.page.locator('.nav').getByRole('link', { name: 'Users' }).count(), 0);
}

export async function policy(visitor) {
  const name = unique('policy');
  await visitor.enter();
  await visitor.api('PUT', `queues/%2F/${name}`, { arguments: { 'x-max-length': 50 } });
  await visitor.go('policies');
  await visitor.role('button', 'New policy').click();
  const dialog = visitor.page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).first().fill(name);
  await dialog.getByLabel('Pattern', { exact: true }).fill(`^${name}$`);
  await dialog.getByRole('button', { name: 'max-length', exact: true }).click();
  await dialog.getByLabel('Value', { exact: true }).fill('10');
  await dialog.locator('button.primary:enabled').click();
  await visitor.page.getByRole('link', { name }).waitFor();
  assert.deepEqual((await visitor.api('GET', `policies/%2F/${name}`)).definition, { 'max-length': 10 });
  await visitor.go(`queues/%2F/${name}?tab=settings`);
  const row = visitor.page.getByRole('row', { name: /^max-length/ });
  await row.getByText('10', { exact: true }).first().waitFor();
  assert.match((await row.innerText()).replace(/\s+/g, ' '), new RegExp(`^max-length 10 ${name} 50 10`));
  await visitor.go(`policies/%2F/${name}`);
  await visitor.role('button', 'Delete').click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await visitor.title('Policies');
  assert.ok((await visitor.api('GET', 'policies')).every(one => one.name !== name));
}

export async function definitions(visitor) {
  const name = unique('imported');
  await visitor.enter({ path: 'definitions' });
  const there = unique('there');
  await visitor.api('PUT', `queues/%2F/${there}`, {});
  const queues = [{ name, vhost: '/', durable: true, auto_delete: false, arguments: {} }, { name: there, vhost: '/', durable: true, auto_delete: false, arguments: { 'x-max-length': 5 } }];
  const bindings = [{ source: 'amq.topic', vhost: '/', destination: 'nowhere', destination_type: 'queue', routing_key: 'k', arguments: {} }];
  const chooseFile = content => visitor.label('File').setInputFiles({ name: 'definitions.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(content)) });
  await chooseFile({ queues, bindings });
  await visitor.page.getByRole('row', { name: new RegExp(`new queue / ${name}`) }).waitFor();
  await visitor.page.getByRole('row', { name: new RegExp(`refused queue / ${there} .*x-max-length`) }).waitFor();
  await visitor.page.getByRole('row', { name: /not possible binding .*nowhere/ }).waitFor();
  assert.deepEqual(await visitor.violations(), [], 'the preview');
  await chooseFile({ queues: queues.slice(0, 1) });
  await visitor.sees('1 new, 0 changed, 0 refused or passed over, 0 as they are');
  assert.ok((await visitor.api('GET', 'queues')).every(one => one.name !== name), 'nothing is made by the preview');
  await visitor.role('button', 'Import').click();
  await visitor.sees('The definitions are imported.');
  assert.equal((await visitor.api('GET', `queues/%2F/${name}`)).name, name);
}

export async function log(visitor) {
  await visitor.enter({ path: 'log' });
  await visitor.page.getByRole('log').getByText(/./).first().waitFor();
  const name = unique('nobody');
  await fetch(`${visitor.address}/api/login`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-granary-page': '1', origin: visitor.address }, body: JSON.stringify({ username: name, password: 'wrong' }) });

  // It comes by itself, and can be looked for.
  await visitor.page.getByRole('log').getByText(new RegExp(name)).waitFor();
  await visitor.label('Level').selectOption('warning');
  await visitor.label('Words that a line has').fill(name);
  await visitor.until(async () => (await visitor.page.getByRole('log').locator('p').count()) === 1, 'one line is left');
  await visitor.addressHas(/level=warning/);
  await visitor.label('Words that a line has').fill('no line has this');
  await visitor.sees('Nothing matches');
}

export async function bulk(visitor) {
  const prefix = unique('many');
  await visitor.enter();
  for (const one of ['a', 'b', 'c']) {
    await visitor.api('PUT', `queues/%2F/${prefix}-${one}`, {});
  }

  await visitor.go('queues');
  await visitor.page.getByRole('searchbox').fill(prefix);
  await visitor.sees(/^3 (of|in all)/);
  await visitor.addressHas(new RegExp(`filter=${prefix}`));
  await visitor.page.getByRole('checkbox', { name: 'Select all' }).check();
  await visitor.sees('3 selected');
  await visitor.page.locator('.bulk').getByRole('button', { name: 'Delete' }).click();
  await visitor.until(async () => (await visitor.page.locator('.preview tr').count()) === 3, 'all three are told of');
  await visitor.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await visitor.sees('Nothing matches');
  assert.ok((await visitor.api('GET', 'queues')).every(one => !one.name.startsWith(prefix)));
}

export async function palette(visitor) {
  const name = unique('sought');
  await visitor.enter();
  await visitor.api('PUT', `queues/%2F/${name}`, {});

  // The keys that have opened it close it, and open it again.
  await visitor.openPalette();
  await visitor.page.keyboard.press('Control+k');
  await visitor.page.locator('.palette input').waitFor({ state: 'detached' });
  await visitor.page.keyboard.press('Control+k');
  await visitor.page.locator('.palette input:focus').waitFor();
  await visitor.page.keyboard.type(name);
  await visitor.page.getByRole('option', { name }).waitFor();
  await visitor.page.keyboard.press('Enter');
  await visitor.title(name);
}

/** Nothing but keys, from the login to a queue that is made and deleted. */
export async function keyboard(visitor) {
  const name = unique('keys');
  const { page } = await visitor.open();
  await page.locator('#username:focus').waitFor();
  await page.keyboard.type('guest');
  await page.keyboard.press('Tab');
  await page.keyboard.type('guest');
  await page.keyboard.press('Enter');
  await visitor.title('Overview');
  const reach = async selector => {
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(wanted => document.activeElement?.matches(wanted) === true, selector)) {
        return;
      }
    }

    assert.fail(`${selector} cannot be reached with the keyboard`);
  };
  await reach('.nav a[href="#/queues"]');
  await page.keyboard.press('Enter');
  await visitor.title('Queues');
  await reach('.page-head button.primary');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.locator('dialog input:focus').waitFor();
  await page.keyboard.type(name);
  await page.locator('dialog button.primary:enabled').waitFor();
  await page.keyboard.press('Enter');
  await visitor.title(name);
  await reach('[role=tab][aria-selected=true]');
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tab', { name: 'Messages', selected: true }).waitFor();
  await reach('.page-head button.danger').catch(async () => reach('.page-head button.danger'));
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.locator('.page-head button.danger:focus').waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await reach('dialog button.danger');
  await page.keyboard.press('Enter');
  await visitor.title('Queues');
}

export async function narrow(visitor) {
  const name = unique('phone');
  await visitor.enter({ width: 390, height: 844 });
  await visitor.api('PUT', `queues/%2F/${name}`, {});
  assert.equal(await visitor.page.locator('.nav').isVisible(), false);
  await visitor.role('button', 'Menu').click();
  await visitor.page.locator('.nav').getByRole('link', { name: 'Queues' }).click();
  await visitor.title('Queues');
  for (const path of ['', 'queues', `queues/%2F/${name}`, `queues/%2F/${name}?tab=publish`, 'exchanges/%2F/amq.topic', 'users/guest', 'vhosts/%2F', 'definitions', 'cluster']) {
    await visitor.go(path);
    const wide = await visitor.page.evaluate(() => document.querySelector('.main').scrollWidth - document.querySelector('.main').clientWidth);
    assert.ok(wide <= 0, `#/${path} is ${wide} pixels wider than the window`);
  }
}

export async function chinese(visitor) {
  await visitor.open({ locale: 'zh-CN' });
  await visitor.sees('登录以管理此消息服务器');
  await visitor.signIn();
  await visitor.title('概览');
  assert.equal(await visitor.page.locator('html').getAttribute('lang'), 'zh-Hans');
  await visitor.go('queues');
  await visitor.title('队列');
  await visitor.role('button', 'English').click();
  await visitor.title('Queues');
  await visitor.page.reload();
  await visitor.title('Queues');
}

/** A session that ends while the page is open. */
export async function over(visitor) {
  const name = unique('leaver');
  await visitor.open();
  await visitor.api('PUT', `users/${name}`, { password: 'p', tags: 'monitoring' });
  await visitor.signIn(name, 'p');
  await visitor.title('Overview');
  await visitor.api('PUT', `users/${name}`, { password: 'q', tags: 'monitoring' });
  await visitor.sees('Your session is over.');
}

/** Ten thousand rows: few are made, and the last one can be reached. */
export async function manyRows(visitor) {
  const vhost = unique('rows');
  await visitor.enter();
  await visitor.api('PUT', `vhosts/${vhost}`, {});
  const queues = Array.from({ length: 1200 }, (_, i) => ({ name: `q-${String(i).padStart(5, '0')}`, vhost, durable: false, auto_delete: false, arguments: {} }));
  await visitor.api('POST', `definitions/${vhost}`, { queues });
  await visitor.go(`queues?vhost=${vhost}&sort=name`);
  await visitor.sees('1,200 in all');
  await visitor.page.getByRole('link', { name: 'q-00000' }).waitFor();
  assert.ok((await visitor.page.locator('.table-box tbody tr').count()) < 100, 'rows that are not seen are not made');
  await visitor.page.locator('.table-box').evaluate(box => box.scrollTo(0, box.scrollHeight));
  await visitor.page.getByRole('link', { name: 'q-01199' }).waitFor();
  await visitor.role('button', 'Name').click();
  await visitor.page.getByRole('link', { name: 'q-01199' }).waitFor();
  await visitor.addressHas(/desc=1/);
  await visitor.api('DELETE', `vhosts/${vhost}`);
}

/** Names and payloads that would do something if they were taken for anything but text. */
export async function hostile(visitor) {
  const bad = '<img src=x onerror="window.injected=1">';
  const names = [bad, `"'><script>window.injected=1</script>`, '\u202egnirts\u202c', 'x'.repeat(255), '../../%2e%2e', '{{constructor}}', 'a/b?c#d&e=f'];
  await visitor.enter();
  for (const name of names) {
    await visitor.api('PUT', `queues/%2F/${encodeURIComponent(name)}`, {});
    await visitor.api('PUT', `exchanges/%2F/${encodeURIComponent(name)}`, { type: 'topic' });
    await visitor.api('POST', `bindings/%2F/e/${encodeURIComponent(name)}/q/${encodeURIComponent(name)}`, { routing_key: name, arguments: {} });
    await visitor.publish(name, bad);
  }

  await visitor.api('PUT', `users/${encodeURIComponent(bad)}`, { password: 'p', tags: bad });
  await visitor.api('PUT', 'vhosts/hostile', { description: bad, tags: bad });
  for (const path of ['queues', 'exchanges', 'users', 'vhosts', 'dead-letters', 'definitions', `users/${encodeURIComponent(bad)}`, 'vhosts/hostile']) {
    await visitor.go(path);
    await visitor.page.locator('.waiting').first().waitFor({ state: 'detached' });
  }

  for (const name of names) {
    await visitor.go(`queues/%2F/${encodeURIComponent(name)}?tab=messages`);
    await visitor.title(name);
    await visitor.role('button', 'Get messages').click();
    await visitor.page.locator('pre.payload').filter({ hasText: bad }).waitFor();
    await visitor.go(`exchanges/%2F/${encodeURIComponent(name)}`);
    await visitor.title(name);
    await visitor.page.locator('.topology svg').waitFor();
  }

  assert.equal(await visitor.page.evaluate(() => window.injected), undefined);
  assert.equal(await visitor.page.locator('img[src="x"]').count(), 0);
  for (const name of names) {
    await visitor.api('DELETE', `queues/%2F/${encodeURIComponent(name)}`);
    await visitor.api('DELETE', `exchanges/%2F/${encodeURIComponent(name)}`);
  }

  await visitor.api('DELETE', `users/${encodeURIComponent(bad)}`);
  await visitor.api('DELETE', 'vhosts/hostile');
}
