// The access log: who was let at what, as far as it has not been erased.

import { doc, docs, figure, text, time } from './read';

/** One entry. */
export interface Access {
  index: number;
  kind: string;
  /** Cut to the hour where the record was erased. */
  time?: number | undefined;
  commitment: string;
  /** What it commits to; undefined where that was erased. */
  record?:
    | {
        subject: string;
        id: string;
        topics?: string | undefined;
        from?: number | undefined;
        to?: number | undefined;
        epoch?: number | undefined;
        purpose: string;
      }
    | undefined;
  /** The entry, the record and its opening, in hexadecimal digits, as proofs hold them. */
  entry: string;
  recordBytes?: string | undefined;
  opening?: string | undefined;
}

/** Reads a page. */
export function accessesOf(value: unknown): Access[] {
  return docs(value).map((one) => {
    const record = one.record === null || one.record === undefined ? undefined : doc(one.record);
    return {
      index: figure(one.index) ?? 0,
      kind: text(one.kind) ?? '',
      time: time(record?.time) ?? time(one.hour),
      commitment: text(one.commitment) ?? '',
      entry: text(one.entry) ?? '',
      recordBytes: text(one.record_bytes),
      opening: text(one.opening),
      record:
        record === undefined
          ? undefined
          : {
              subject: text(record.subject) ?? '',
              id: text(record.id) ?? '',
              topics: text(record.topics),
              from: figure(record.from),
              to: figure(record.to),
              epoch: figure(record.epoch),
              purpose: text(record.purpose) ?? '',
            },
    };
  });
}
