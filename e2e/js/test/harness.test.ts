// The harness itself: what every other test stands on.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, eventually, openPage, peer, permitted } from '../src/index.js';

describe('two cities of real processes', () => {
  let fujisawa: City;
  let santander: City;

  beforeAll(async () => {
    [fujisawa, santander] = await Promise.all([City.found('fujisawa'), City.found('santander')]);
  });

  afterAll(async () => {
    await fujisawa?.[Symbol.asyncDispose]();
    await santander?.[Symbol.asyncDispose]();
  });

  test('what a truck publishes is read in the other city, also after a power cut', async () => {
    const topic = 'fujisawa/truck/17/air';
    const truck = await fujisawa.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    const viewer = await santander.member('viewer', { kind: 'person' });
    await fujisawa.describe(topic, {
      type: 'outdoor weather',
      mobile: true,
      transducers: { pm2_5: 'ug/m3' },
    });
    await peer(fujisawa, santander);
    await fujisawa.grant(viewer.name, 'subscribe,history,decrypt', 'fujisawa/truck/#');
    await permitted(santander, viewer.name, 'history', topic);
    await fujisawa.publish(truck, topic, { pm2_5: 12.5 });
    await santander.kill();
    await santander.startNode();
    const history = await eventually('the reading in Santander', async () => {
      const said = await viewer.sekisho(['history', topic, '--json']);
      return said.output.includes('12.5') && said.output;
    });
    expect(history).toContain('truck-17@fujisawa');
  });

  test('a command that fails says why', async () => {
    await expect(fujisawa.run(['grant', 'nobody', 'subscribe', 'fujisawa/#'])).rejects.toThrow(/nobody/);
  });
});

describe('the browser', () => {
  afterAll(closeBrowser);

  test('it runs scripts, and tells what they threw', async () => {
    const { page, faults } = await openPage();
    await page.setContent('<p id="said"></p>');
    expect(await page.evaluate(() => typeof indexedDB.open)).toBe('function');
    await page.evaluate(() => {
      setTimeout(() => {
        throw new Error('meant to');
      });
    });
    await eventually('the fault', () => faults.includes('thrown: meant to'));
  });
});
