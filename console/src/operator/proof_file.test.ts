import { describe, expect, test } from 'vitest';
import { proofFile } from './proof_file';

describe('the file of a proof', () => {
  const note = 'sekisho/x/control\n1\nAAAA\n\n— sekisho/x/control AAAA\n';
  const parts = { entry: Uint8Array.of(1, 2), statements: [Uint8Array.of(3)], index: 7, path: [], note };

  test('is a tlog-proof whose extra data is what Sekisho needs besides', () => {
    const file = proofFile({ ...parts, path: [new Uint8Array(32)] });
    const [head, rest] = [file.slice(0, file.indexOf('\n\n')), file.slice(file.indexOf('\n\n') + 2)];
    const [magic, extra, index, hash, ...others] = head.split('\n');
    expect([magic, index, hash, others]).toEqual([
      'c2sp.org/tlog-proof@v1',
      'index 7',
      'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
      [],
    ]);
    expect(atob(extra?.replace('extra ', '') ?? '')).toBe('sekisho-proof/v1\nentry AQI=\nstatement Aw==\n');
    expect(rest).toBe(note);
  });

  test('of an access holds the record and its opening', () => {
    const opened = { record: Uint8Array.of(9), opening: 'ab'.repeat(32) };
    const extra =
      proofFile({ ...parts, opened })
        .split('\n')[1]
        ?.replace('extra ', '') ?? '';
    expect(atob(extra)).toContain(`record CQ==\nopening ${'ab'.repeat(32)}\n`);
  });
});
