import { describe, expect, it } from 'vitest';
import { Place } from './place.js';

describe('the place of a subscription', () => {
  it('begins again behind the last record after a connection was lost', () => {
    const place = new Place('earliest', false);
    expect(place.start()).toEqual({ kind: { case: 'earliest', value: true } });
    place.handleSubscribed(3n, 10n);
    place.advance(5n);
    expect(place.start()).toEqual({ kind: { case: 'position', value: 5n } });
    expect([place.wants(4n), place.wants(5n)]).toEqual([false, true]);
  });

  it('tells nothing as missing that was delivered', () => {
    const place = new Place('earliest', false);
    place.start();
    place.handleSubscribed(0n, 10n);
    place.advance(7n);
    place.start();
    place.handleSubscribed(5n, 10n);
    expect(place.handleGap(5n, 7n, false)).toBe(undefined);
    expect(place.handleGap(5n, 9n, false)).toBe(7n);
  });

  it('wants what comes after a log ended earlier', () => {
    const place = new Place('earliest', false);
    place.start();
    place.handleSubscribed(0n, 500n);
    place.advance(500n);
    place.start();
    place.handleSubscribed(300n, 300n);
    expect(place.handleGap(300n, 300n, true)).toBe(300n);
    expect(place.wants(300n)).toBe(true);
    place.advance(301n);
    expect(place.start()).toEqual({ kind: { case: 'position', value: 301n } });
  });

  it('is over with the history of a log that was put back', () => {
    const place = new Place('earliest', true);
    place.start();
    place.handleSubscribed(0n, 500n);
    place.advance(400n);
    place.start();
    place.handleSubscribed(300n, 300n);
    place.handleGap(300n, 300n, true);
    expect(place.isFinished).toBe(true);
  });

  it('asks again as at first where nothing had come', () => {
    const place = new Place('last-value', false);
    place.start();
    place.handleSubscribed(0n, 10n);
    expect(place.start()).toEqual({ kind: { case: 'lastValue', value: true } });
  });

  it('asks for last values again where not all had come, and not for what lies between', () => {
    const place = new Place('last-value', false);
    place.start();
    place.handleSubscribed(0n, 900n);
    place.advance(11n);
    expect(place.start()).toEqual({ kind: { case: 'lastValue', value: true } });
    place.handleSubscribed(0n, 950n);
    expect([place.wants(10n), place.wants(870n)]).toEqual([false, true]);
    place.advance(871n);
    place.handleSubscribed(950n, 950n);
    expect(place.start()).toEqual({ kind: { case: 'position', value: 950n } });
  });

  it('misses nothing from the latest on that came while the connection was lost', () => {
    const place = new Place('latest', false);
    place.start();
    place.handleSubscribed(10n, 10n);
    expect(place.isLive).toBe(true);
    expect(place.start()).toEqual({ kind: { case: 'position', value: 10n } });
  });

  it('is live when the node says for the second time that it is subscribed', () => {
    const place = new Place('earliest', false);
    place.start();
    place.handleSubscribed(0n, 10n);
    expect(place.isLive).toBe(false);
    place.handleSubscribed(10n, 10n);
    expect(place.isLive).toBe(true);
  });

  it('tells what came while it was subscribed to from what had come before, on each connection', () => {
    const place = new Place('earliest', false);
    place.start();
    expect(place.hasJustCome(12n)).toBe(false);
    place.handleSubscribed(0n, 10n);
    expect([place.hasJustCome(9n), place.hasJustCome(10n)]).toEqual([false, true]);
    place.handleSubscribed(12n, 12n);
    expect(place.hasJustCome(11n)).toBe(true);
    place.start();
    place.handleSubscribed(12n, 20n);
    expect([place.hasJustCome(19n), place.hasJustCome(20n)]).toEqual([false, true]);
  });

  it('ends where the log ended when it began, however far it goes on', () => {
    const place = new Place('earliest', true);
    place.start();
    place.handleSubscribed(0n, 2n);
    place.advance(1n);
    place.start();
    place.handleSubscribed(1n, 9n);
    expect([place.wants(1n), place.wants(2n), place.isFinished]).toEqual([true, false, false]);
    place.advance(2n);
    expect(place.isFinished).toBe(true);
  });

  it('is over at once where nothing is kept', () => {
    const place = new Place('earliest', true);
    place.start();
    place.handleSubscribed(0n, 0n);
    expect(place.isFinished).toBe(true);
  });

  it('acknowledges only what the node has told on this connection', () => {
    const place = new Place('earliest', false);
    place.start();
    expect(place.acknowledgeable(0n)).toBeUndefined();
    place.handleSubscribed(0n, 9n);
    place.advance(5n);
    expect([place.acknowledgeable(4n), place.acknowledgeable(5n)]).toEqual([4n, undefined]);
    place.start();
    place.handleSubscribed(2n, 9n);
    expect(place.acknowledgeable(4n)).toBeUndefined();
    place.advance(5n);
    expect(place.acknowledgeable(4n)).toBe(4n);
  });
});
