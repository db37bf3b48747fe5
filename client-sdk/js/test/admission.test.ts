// A yes to an enrolment counts with statements that name the newcomer with both of its keys, and no other.

import { expect, test } from 'vitest';
import { checkAdmission } from '../src/enrolment.js';
import type { JoinToken } from '../src/token.js';
import { encoded, identity, Organisation } from './world.js';

function tokenOf(organisation: Organisation, name: string): JoinToken {
  return {
    principal: `${name}@${organisation.name}`,
    kind: 'device',
    root: organisation.fingerprint,
    nodeKey: '02'.repeat(32),
    node: '127.0.0.1:1',
    id: new Uint8Array(16),
    secret: new Uint8Array(32),
    expiresUs: 1n,
  };
}

test('a newcomer believes its own name and keys', async () => {
  const fujisawa = await Organisation.found('fujisawa');
  const own = await identity();
  const statements = encoded(...fujisawa.beginnings, await fujisawa.principal('truck-17', own));
  await checkAdmission(tokenOf(fujisawa, 'truck-17'), own, statements);
});

test('another name, another root and no statements are not believed', async () => {
  const [fujisawa, impostor] = [await Organisation.found('fujisawa'), await Organisation.found('fujisawa')];
  const own = await identity();
  const statements = encoded(...fujisawa.beginnings, await fujisawa.principal('truck-17', own));
  for (const [token, shown] of [
    [tokenOf(fujisawa, 'truck-18'), statements],
    [tokenOf(impostor, 'truck-17'), statements],
    [tokenOf(fujisawa, 'truck-17'), []],
  ] as const) {
    await expect(checkAdmission(token, own, shown)).rejects.toThrow(/lead from the token's root to this key/);
  }
});

test("its key with somebody else's key for secrets is not believed, of whatever suite", async () => {
  const fujisawa = await Organisation.found('fujisawa');
  const own = await identity();
  for (const thief of [await identity(), await identity(2)]) {
    const { kemSuite, kemPublicKey } = thief;
    const mixed = await fujisawa.principal('truck-17', { ...own, kemSuite, kemPublicKey });
    const checked = checkAdmission(
      tokenOf(fujisawa, 'truck-17'),
      own,
      encoded(...fujisawa.beginnings, mixed),
    );
    await expect(checked).rejects.toThrow(/its own key for secrets/);
  }
});
