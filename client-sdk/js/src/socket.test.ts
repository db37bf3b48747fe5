import { describe, expect, it } from 'vitest';
import { sessionUrl } from './socket.js';

describe('the address of a node', () => {
  it('means TLS unless it says otherwise, and nothing of it counts but host and port', () => {
    const ways = {
      'node.fujisawa.example:8443': 'wss://node.fujisawa.example:8443/v1/session',
      'https://node.fujisawa.example/console#join=secret': 'wss://node.fujisawa.example/v1/session',
      'wss://user:password@node.fujisawa.example:8443/x?y=z': 'wss://node.fujisawa.example:8443/v1/session',
      '[2001:db8::1]:8443': 'wss://[2001:db8::1]:8443/v1/session',
    };
    for (const [web, url] of Object.entries(ways)) {
      expect(sessionUrl(web)).toBe(url);
    }
  });

  it('is taken without TLS on this machine, and nowhere else', () => {
    for (const host of ['localhost:8080', '127.0.0.1:8080', '127.1.2.3:8080', '[::1]:8080']) {
      expect(sessionUrl(`http://${host}`)).toBe(`ws://${host}/v1/session`);
    }
    for (const host of [
      'node.fujisawa.example',
      '192.168.1.7:8080',
      '127.0.0.1.example',
      'localhost.example',
    ]) {
      expect(() => sessionUrl(`ws://${host}`)).toThrow(/wanted TLS/);
    }
  });

  it('is refused where it is none', () => {
    expect(() => sessionUrl('')).toThrow(/^web: wanted host:port/);
    expect(() => sessionUrl('a b')).toThrow(/^web: wanted host:port/);
  });
});
