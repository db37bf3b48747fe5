// What a statement says, as this page speaks of it: the words of the glossary, times in milliseconds.
// Previews, lists and commands are made of these; `operator/bodies.ts` turns the SDK's into them.

/** Every action, in the order in which the node lists them. */
export const ACTIONS = [
  'publish',
  'subscribe',
  'history',
  'decrypt',
  'discover',
  'grant',
  'bridge',
  'administer',
] as const;

/** One thing that a principal may do on a topic. */
export type Action = (typeof ACTIONS)[number];

/** Whether a text names an action. */
export function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

/** The actions of a text such as `subscribe,decrypt`, in the node's order; what is none is left out. */
export function actionsOf(text: string): Action[] {
  const named = new Set(text.split(',').map((part) => part.trim()));
  return ACTIONS.filter((action) => named.has(action));
}

/** What kinds of principals there are. */
export const KINDS = ['device', 'person', 'app', 'bridge', 'steward', 'node'] as const;

/** The kind of a principal. */
export type PrincipalKind = (typeof KINDS)[number];

/** Whether a text names a kind of principal. */
export function isKind(text: string): text is PrincipalKind {
  return (KINDS as readonly string[]).includes(text);
}

/** How a topic's data is protected. */
export const CLASSES = ['open', 'restricted', 'personal'] as const;

/** A topic's class. */
export type StreamClass = (typeof CLASSES)[number];

/** Whether a text names a class. */
export function isClass(text: string): text is StreamClass {
  return (CLASSES as readonly string[]).includes(text);
}

/** A right. Times are milliseconds since 1970; what is absent has no bound. */
export interface GrantSaid {
  kind: 'grant';
  organisation: string;
  /** `name@organisation`, `*@organisation` or `role/name@organisation`. */
  grantee: string;
  actions: Action[];
  filter: string;
  purpose: string;
  issued: number;
  from: number;
  until?: number | undefined;
  historyFrom?: number | undefined;
  onward: boolean;
  /** Envelopes per second. */
  ratePerS?: number | undefined;
}

/** A right taken away, whatever grants say. */
export interface DenySaid {
  kind: 'deny';
  organisation: string;
  grantee: string;
  actions: Action[];
  filter: string;
  reason: string;
  issued: number;
}

/** Who has a role. */
export interface RoleSaid {
  kind: 'role';
  organisation: string;
  /** `role/name@organisation`. */
  role: string;
  member: string;
  issued: number;
  until?: number | undefined;
}

/** The end of a statement or of a principal's key. */
export interface RevokeSaid {
  kind: 'revoke';
  organisation: string;
  target: { statement: string } | { principal: string };
  reason: string;
  issued: number;
}

/** One thing that a device measures. */
export interface TransducerSaid {
  name: string;
  unit: string;
}

/** What a topic carries. */
export interface StreamSaid {
  kind: 'stream-descriptor';
  organisation: string;
  topic: string;
  deviceType: string;
  title: string;
  class: StreamClass;
  mobile: boolean;
  /** Degrees, WGS 84. */
  latitude?: number | undefined;
  longitude?: number | undefined;
  retentionS?: number | undefined;
  transducers: TransducerSaid[];
  issued: number;
}

/** One side of a contract. */
export interface PartySaid {
  organisation: string;
  exports: string[];
  imports: string[];
  onward: boolean;
  passesOn: { organisation: string; root: string; filters: string[] }[];
  carriesHome: string[];
  bytesPerS?: number | undefined;
  envelopesPerS?: number | undefined;
  interests?: number | undefined;
  historyBytesPerS?: number | undefined;
}

/** What two organisations exchange. */
export interface PeeringSaid {
  kind: 'peering';
  parties: [PartySaid, PartySaid];
  purposes: string[];
  issued: number;
  from: number;
  until?: number | undefined;
}

/** An actor and its key. */
export interface PrincipalSaid {
  kind: 'principal';
  name: string;
  principalKind: PrincipalKind;
  /** The key's fingerprint, 64 hexadecimal digits. */
  id: string;
  issued: number;
  until?: number | undefined;
  attested: boolean;
}

/** A key that may speak for the organisation. */
export interface IssuerSaid {
  kind: 'issuer';
  name: string;
  id: string;
  issued: number;
  until?: number | undefined;
}

/** The keys that an organisation is. */
export interface RootSaid {
  kind: 'org-root';
  organisation: string;
  keys: number;
  threshold: number;
  issued: number;
}

/** The public key that a topic tree is sealed to. */
export interface EpochSaid {
  kind: 'epoch-announce';
  organisation: string;
  tree: string;
  epoch: number;
  issued: number;
  notBefore: number;
  notAfter: number;
  minEpoch: number;
}

/** An epoch's seed, sealed to one reader. */
export interface KeyGrantSaid {
  kind: 'key-grant';
  organisation: string;
  tree: string;
  epoch: number;
  /** The reader's key. */
  reader: string;
  purpose: string;
  issued: number;
}

/** A receipt that something was destroyed. */
export interface ErasureSaid {
  kind: 'erasure';
  organisation: string;
  erased: { tree: string; epoch: number } | { subject: string };
  records: number;
  reason: string;
  issued: number;
}

/** What a statement says. */
export type Said =
  | GrantSaid
  | DenySaid
  | RoleSaid
  | RevokeSaid
  | StreamSaid
  | PeeringSaid
  | PrincipalSaid
  | IssuerSaid
  | RootSaid
  | EpochSaid
  | KeyGrantSaid
  | ErasureSaid;

/** The organisation that a name, grantee, role or filter belongs to. */
export function organisationOf(text: string): string {
  const at = text.lastIndexOf('@');
  return at >= 0 ? text.slice(at + 1) : (text.split('/')[0] ?? '');
}

/** The name before the `@`. */
export function shortName(text: string): string {
  const at = text.lastIndexOf('@');
  return at >= 0 ? text.slice(0, at) : text;
}

/** A hash as messages show it: its first 16 hexadecimal digits. */
export function shortHash(hex: string): string {
  return hex.slice(0, 16);
}

/** A key as people compare it: `5189-bfc3-7f7b-2a37`. */
export function fingerprint(id: string): string {
  return (id.slice(0, 16).match(/.{1,4}/g) ?? []).join('-');
}
