import { describe, expect, it } from 'vitest';
import { formatJoinToken, type JoinToken, parseJoinToken } from './token.js';

const TOKEN: JoinToken = {
  principal: 'truck-17@fujisawa',
  kind: 'device',
  root: '01'.repeat(32),
  nodeKey: '02'.repeat(32),
  node: 'node.fujisawa.example:7443',
  id: new Uint8Array(16).fill(3),
  secret: new Uint8Array(32).fill(4),
  expiresUs: 1_700_000_000_000_000n,
};

describe('a join token', () => {
  it('says the same when it is read back: in either case, broken into lines, out of a link', () => {
    const text = formatJoinToken(TOKEN);
    expect(text).toMatch(/^sekisho-join-v1\.[a-z2-7]+$/);
    const lines = text.replace(/.{60}/g, '$&\r\n  ');
    const link = `https://node.fujisawa.example:8443/console#join=${text}`;
    for (const way of [text, ` ${text}\n`, text.toUpperCase(), lines, link]) {
      expect(parseJoinToken(way)).toEqual(TOKEN);
    }
  });

  it('keeps a time before 1970', () => {
    const early = { ...TOKEN, expiresUs: -1n };
    expect(parseJoinToken(formatJoinToken(early)).expiresUs).toBe(-1n);
  });

  it('is refused with any character wrong, and never repeated in the refusal', () => {
    const text = formatJoinToken(TOKEN);
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'a' ? 'b' : 'a';
      const wrong = text.slice(0, at) + other + text.slice(at + 1);
      expect(() => parseJoinToken(wrong)).toThrow(/^join token: wanted/);
      expect(() => parseJoinToken(wrong)).not.toThrow(/aqcaqcaq/);
    }
  });

  it('is refused cut off, or with more behind it', () => {
    const text = formatJoinToken(TOKEN);
    for (const wrong of ['', 'sekisho-join-v1.', text.slice(0, -1), text.slice(0, -9), `${text}aaaaaaaa`]) {
      expect(() => parseJoinToken(wrong)).toThrow(/^join token: wanted/);
    }
  });
});
