import { describe, expect, it } from 'vitest';
import { waitingOf } from './enrolment.js';

const ID = '5189bfc37f7b2a37'.padEnd(64, '0');

describe('what a newcomer waits for', () => {
  it('has the page and the code where it is to sign in', () => {
    const why =
      'sign in at https://login.example: open https://login.example/device?c=AB-CD and compare the code AB-CD';
    const told = waitingOf(why, { id: ID });
    expect(told).toEqual({
      why,
      fingerprint: '5189-bfc3-7f7b-2a37',
      page: 'https://login.example/device?c=AB-CD',
      code: 'AB-CD',
    });
  });

  it('has the words and what is to be compared everywhere else', () => {
    for (const why of ['waits for approval', 'open javascript:alert(1) and compare the code X']) {
      expect(waitingOf(why, { id: ID })).toEqual({ why, fingerprint: '5189-bfc3-7f7b-2a37' });
    }
  });
});
