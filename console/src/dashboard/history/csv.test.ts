import { describe, expect, it } from 'vitest';
import { cell, fileName, line } from './csv';

/** RFC 4180 as a reader reads it. */
function parse(text: string): string[][] {
  const rows: string[][] = [[]];
  let [field, quoted] = ['', false];
  for (let at = 0; at < text.length; at += 1) {
    const c = text[at] ?? '';
    if (quoted && c === '"' && text[at + 1] === '"') {
      field += '"';
      at += 1;
    } else if (c === '"') quoted = !quoted;
    else if (!quoted && c === ',') {
      rows[rows.length - 1]?.push(field);
      field = '';
    } else if (!quoted && c === '\r' && text[at + 1] === '\n') {
      rows[rows.length - 1]?.push(field);
      rows.push([]);
      field = '';
      at += 1;
    } else field += c;
  }
  rows.pop();
  return rows;
}

describe('a table as a file', () => {
  it('is read back as it was, whatever is in it', () => {
    const texts = ['plain', 'a,b', 'say "no"', 'two\r\nlines', ' spaces ', 'ゴミ収集車', ''];
    expect(parse(line(texts) + line([1, 2.5, -3]))).toEqual([texts, ['1', '2.5', '-3']]);
  });

  it('has no text that a spreadsheet computes', () => {
    for (const evil of [
      '=1+1',
      '+cmd|x',
      '-2+3',
      '@SUM(A1)',
      ' =HYPERLINK("http://x")',
      '\t=1',
      '＝1',
      '\n=1',
    ]) {
      const shown = parse(line([evil]))[0]?.[0] ?? '';
      expect(shown.startsWith("'"), evil).toBe(true);
      expect(shown.slice(1)).toBe(evil);
    }
    expect(cell(-3)).toBe('-3');
    expect(cell(Number.NaN)).toBe('');
  });

  it('has a name that every system takes', () => {
    expect(fileName('fujisawa/truck/7/air', '2026-11-21')).toBe('fujisawa-truck-7-air_2026-11-21.csv');
    expect(fileName('../../etc/passwd')).toBe('etc-passwd.csv');
    expect(fileName('ゴミ収集車/7')).toBe('ゴミ収集車-7.csv');
    expect(fileName('<script>')).toBe('script.csv');
    expect(fileName('///')).toBe('sekisho.csv');
  });
});
