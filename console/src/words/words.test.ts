import { afterEach, describe, expect, it } from 'vitest';
import { explain } from '../identity/trouble';
import { catalogue } from './catalogue';
import { ago, bytes, count, dateTime, duration, number, plural, timeZone } from './format';
import { iso } from './iso';
import { chooseLanguage, language } from './language';
import { measurement } from './measurement';
import { unit, withUnit } from './unit';

afterEach(() => {
  language.value = 'en';
});

describe('times', () => {
  it('that no calendar has are no date, and stop nobody from reading the others', () => {
    for (const ms of [9.2e15, -9.2e15, Number.NaN]) {
      expect([iso(ms), dateTime(ms), timeZone(ms)]).toEqual(['', '–', 'UTC']);
      expect(ago(-ms)).not.toBe('');
    }
    expect(iso(0)).toBe('1970-01-01T00:00:00.000Z');
  });
});

describe('words', () => {
  it('are in the first language that the reader wants and the pages speak', () => {
    expect(chooseLanguage([null, 'fr-FR', 'es-419', 'en'])).toBe('es');
    expect(chooseLanguage(['ja-JP'])).toBe('ja');
    expect(chooseLanguage(['tlh'])).toBe('en');
  });

  it('change with the language', () => {
    const words = catalogue({
      en: { hello: 'Hello', cars: (n: number) => plural(n, { one: 'a car', other: `${count(n)} cars` }) },
      es: { hello: 'Hola', cars: (n: number) => plural(n, { one: 'un coche', other: `${count(n)} coches` }) },
      ja: { hello: 'こんにちは', cars: (n: number) => `車 ${count(n)} 台` },
    });
    expect([words().hello, words().cars(1), words().cars(2000)]).toEqual(['Hello', 'a car', '2,000 cars']);
    language.value = 'ja';
    expect([words().hello, words().cars(1)]).toEqual(['こんにちは', '車 1 台']);
  });

  it('write numbers as the language does', () => {
    expect([number(12.345678), number(0.00012345), number(123456.7), number(Number.NaN)]).toEqual([
      '12.35',
      '0.0001235',
      '123,457',
      '–',
    ]);
    language.value = 'es';
    expect(number(12.5)).toBe('12,5');
  });

  it('say how long ago something was, and never that it is to come', () => {
    expect([ago(0), ago(-5_000), ago(30_000), ago(600_000)]).toEqual([
      'now',
      'now',
      '30 sec. ago',
      '10 min. ago',
    ]);
    expect(duration(7_200_000)).toBe('2 hr');
    expect(bytes(1_234_567)).toBe('1.2 MB');
  });

  it('write units and measurements as people do', () => {
    expect([unit('ug/m3'), unit('{index}'), unit('1'), withUnit('5', 'Cel'), withUnit('5', '%')]).toEqual([
      'µg/m³',
      'index',
      '',
      '5 °C',
      '5%',
    ]);
    expect([measurement('temperature'), measurement('toString'), measurement('strain')]).toEqual([
      'Temperature',
      'toString',
      'strain',
    ]);
  });

  it('explain what goes wrong, and whether waiting helps', () => {
    const of = (name: string, message = '') => explain({ name, message });
    expect(of('revoked')).toMatchObject({ title: 'Your access was revoked', mayPass: false });
    expect(of('disconnected')).toMatchObject({ title: 'The node cannot be reached', mayPass: true });
    expect(of('node-not-proven').title).toBe('This is not the node it says it is');
    expect(of('TrustError').title).toBe('The node shows another history than before');
    expect(of('not-enrolled', 'refused: wanted a token that is open, found one that was used').title).toBe(
      'This join token cannot be used',
    );
    expect(
      of('not-enrolled', 'refused: wanted a token that is open, found it taken back: lost'),
    ).toMatchObject({
      title: 'This join token was taken back',
      text: 'lost',
    });
    const elsewhere = { name: 'other-organisation', message: '', what: 'fujisawa', why: 'santander' };
    expect(explain(elsewhere).title).toBe('This token is for fujisawa, and this is santander');
    expect(of('toString', 'odd')).toMatchObject({ text: 'odd' });
    language.value = 'ja';
    expect(of('revoked').title).toBe('アクセス権が取り消されました');
  });
});
