// Why something was refused or lost: numbers that never change and names for people.

const REFUSALS = {
  malformed: 1,
  oversized: 2,
  'non-canonical': 3,
  'unknown-version': 4,
  'unexpected-frame': 5,
  'unknown-key': 10,
  revoked: 11,
  'weak-key': 12,
  'bad-signature': 13,
  'not-permitted': 14,
  'wrong-publisher': 15,
  'foreign-topic': 16,
  replayed: 20,
  'sequence-gap': 21,
  equivocation: 22,
  'clock-ahead': 23,
  expired: 24,
  'epoch-retired': 25,
  'epoch-unknown': 26,
  'key-header-missing': 27,
  'rate-limited': 30,
  'storage-full': 31,
  draining: 32,
  'not-found': 40,
  'already-exists': 41,
  'bad-statement': 42,
  'bad-enrolment': 43,
  'too-many': 44,
  internal: 50,
} as const;

const GAPS = { retention: 1, rights: 2, overflow: 3, restart: 4, corrupt: 5, withheld: 6 } as const;

/** The name of a code of docs/protocol.md, section 13. */
export type RefusalCodeName = keyof typeof REFUSALS;

/** Why records are missing. */
export type GapReasonName = keyof typeof GAPS;

/** Every refusal's name, by ascending number. */
export const REFUSAL_CODE_NAMES = Object.keys(REFUSALS) as readonly RefusalCodeName[];

/** Every gap's name, by ascending number. */
export const GAP_REASON_NAMES = Object.keys(GAPS) as readonly GapReasonName[];

const refusalNames = new Map<number, RefusalCodeName>(
  REFUSAL_CODE_NAMES.map((name) => [REFUSALS[name], name]),
);
const gapNames = new Map<number, GapReasonName>(GAP_REASON_NAMES.map((name) => [GAPS[name], name]));

/** The number of a refusal. */
export function refusalCode(name: RefusalCodeName): number {
  return REFUSALS[name];
}

/** The name of a refusal's number; undefined where there is none. */
export function refusalName(code: number): RefusalCodeName | undefined {
  return refusalNames.get(code);
}

/** The number of a gap's reason. */
export function gapReasonCode(name: GapReasonName): number {
  return GAPS[name];
}

/** The name of a gap's reason; undefined where there is none. */
export function gapReasonName(code: number): GapReasonName | undefined {
  return gapNames.get(code);
}
