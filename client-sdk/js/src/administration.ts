// What those who run an organisation ask and state. Answers for people come as the node's documents; what
// can be proven is proven.

import { fromHex, hex } from './bytes.js';
import { ParseError } from './decode_error.js';
import { Document, type Json } from './document.js';
import type { ErrandOptions } from './errand.js';
import { Errands } from './errands.js';
import { asError, ProtocolViolation } from './failure.js';
import { STATEMENTS_PER_STATE_MAX } from './limits.js';
import type { Question } from './link.js';
import { type CheckedLog, checkLog, type Included, includedIn } from './log_view.js';
import { parsePrincipalName } from './name.js';
import type { Session } from './session.js';
import { type Action, actionNumber } from './statement/action.js';
import {
  encodeStatement,
  type Statement,
  type StatementBody,
  signStatement,
  unsignedStatement,
} from './statement.js';
import { parseTopic } from './topic.js';
import { within } from './waiting.js';

/** What a steward signs beside an administrator. */
const COUNTERSIGNED: ReadonlySet<string> = new Set(['principal', 'grant', 'revoke']);
/** Entries in one answer. */
const PAGE = 100;

/** The questions and statements of a client; see {@link Client}. */
export class Administration {
  /** @internal */
  protected readonly session: Session;
  /** What an administrator has a steward do. */
  readonly errands: Errands;

  /** @internal */
  protected constructor(session: Session) {
    this.session = session;
    this.errands = new Errands(session);
  }

  /** Who may do something on a topic, and by which grants; for administrators. */
  async who(topic: string, action: Action, at?: number): Promise<Json> {
    const value = { topic: parseTopic(topic), action: actionNumber(action), ...atOf(at) };
    return this.json({ case: 'who', value });
  }

  /** Why somebody may do something, or may not; for administrators, and everybody about themselves. */
  async why(principal: string, action: Action, topic: string, at?: number): Promise<Json> {
    parsePrincipalName(principal);
    const value = { principal, action: actionNumber(action), topic: parseTopic(topic), ...atOf(at) };
    return this.json({ case: 'why', value });
  }

  /** What somebody may do; for administrators, and everybody about themselves. */
  async what(principal: string, at?: number): Promise<Json> {
    parsePrincipalName(principal);
    return this.json({ case: 'what', value: { principal, ...atOf(at) } });
  }

  /** What a statement would open and close, signed or not; for those who may state it. */
  async diff(statement: Statement | StatementBody): Promise<Json> {
    const value = encodeStatement('bodyBytes' in statement ? statement : unsignedStatement(statement));
    return this.json({ case: 'diff', value });
  }

  /** How the node is; for administrators. */
  status(): Promise<Json> {
    return this.json({ case: 'status', value: true });
  }

  /** The nodes of other organisations; for administrators. */
  peers(): Promise<Json> {
    return this.json({ case: 'peers', value: true });
  }

  /** Who has a session at the moment; for administrators. */
  sessions(options: { principal?: string; from?: number; max?: number } = {}): Promise<Json> {
    const { principal = '', from = 0, max = PAGE } = options;
    return this.json({ case: 'sessions', value: { principal, from: BigInt(from), max } });
  }

  /** What the node refused lately, newest first; for administrators. */
  refusals(options: { before?: number; max?: number } = {}): Promise<Json> {
    const { before, max = PAGE } = options;
    const value = before === undefined ? { max } : { before: BigInt(before), max };
    return this.json({ case: 'refusals', value });
  }

  /** The trees of topics and the epochs that they are sealed to; for administrators. */
  epochs(options: { after?: string; max?: number } = {}): Promise<Json> {
    const { after = '', max = PAGE } = options;
    return this.json({ case: 'epochs', value: { after, max } });
  }

  /** What is kept, by trees of topics, and the node's limits; for administrators. */
  storage(options: { filter?: string; levels?: number; after?: string; max?: number } = {}): Promise<Json> {
    const { filter = '', levels = 0, after = '', max = PAGE } = options;
    return this.json({ case: 'storage', value: { filter, levels, after, max } });
  }

  /** Newcomers who wait; for stewards. */
  enrolments(): Promise<Json> {
    return this.json({ case: 'enrolments', value: true });
  }

  /**
   * Entries of the access log, ascending; fewer than asked for is the end. For administrators.
   *
   * @param options - `subject`: whose, all where it is left out; `from`: the first index, default 0; `max`: at
   * most 100, which is the default
   */
  async accesses(options: { subject?: string; from?: number; max?: number } = {}): Promise<Json> {
    const { subject = '', from = 0, max = 100 } = options;
    return this.json({ case: 'accesses', value: { subject, from: BigInt(from), max } });
  }

  /**
   * Destroys what is kept of somebody's accesses, and what opens what they published of personal data, for
   * good. For administrators.
   *
   * @param id - which of their keys, hexadecimal; default: the newest
   */
  async erase(principal: string, id?: string): Promise<Json> {
    parsePrincipalName(principal);
    const value = { principal, id: id === undefined ? new Uint8Array() : fromHex(id) };
    return this.json({ case: 'erase', value });
  }

  /** Signs a statement with this client's key. Nothing is said to the node. */
  sign(body: StatementBody): Promise<Statement> {
    return signStatement(unsignedStatement(body), this.session.identity);
  }

  /**
   * Submits 1 to 256 signed statements to the control log: all of them stand in the end, or none.
   *
   * @returns the place of each in the log
   * @throws Refusal. After Disconnected they may have been logged; submitting them again is harmless
   */
  async submit(statements: readonly Statement[]): Promise<number[]> {
    if (statements.length === 0 || statements.length > STATEMENTS_PER_STATE_MAX) {
      throw new RangeError(`statements: wanted 1 to ${STATEMENTS_PER_STATE_MAX}, found ${statements.length}`);
    }
    const { queryTimeout } = this.session.settings;
    const link = await within(this.session.link(), queryTimeout, 'a connection to the node');
    const indices = await link.state(statements.map(encodeStatement), queryTimeout);
    return indices.map(Number);
  }

  /**
   * Signs statements and submits them; what this client may not state alone it has the steward sign, too.
   *
   * @returns the statements as they were submitted or stand in the control log
   * @throws Refusal
   */
  async declare(bodies: readonly StatementBody[], options?: ErrandOptions): Promise<Statement[]> {
    const signed = await Promise.all(bodies.map((body) => this.sign(body)));
    try {
      await this.submit(signed);
      return signed;
    } catch (thrown) {
      const isOurs = signed.every(({ kind }) => COUNTERSIGNED.has(kind));
      if (!isOurs || asError(thrown).name !== 'not-permitted') {
        throw thrown;
      }
    }
    return this.errands.countersign(signed, options);
  }

  /**
   * The keys of somebody that are not revoked. The node says which; signed statements prove of each that it is
   * theirs, so that nobody is brought to revoke another's.
   *
   * @returns principal ids, hexadecimal
   * @throws Refusal; ParseError where the node names a key that is not proven to be theirs
   */
  async keysOf(principal: string): Promise<string[]> {
    parsePrincipalName(principal);
    const what = await this.document({ case: 'what', value: { principal } });
    const keys = (what.optional('keys')?.items() ?? []).map(({ json }) => fromHex(String(json)));
    for (const value of keys) {
      const answer = await this.session.query({ case: 'principal', value });
      if (answer.case === 'statements') {
        await this.session.directory.learn(answer.value.statements);
      }
      const holder = this.session.directory.publisher(hex(value))?.name;
      if (holder !== principal) {
        const found = holder === undefined ? 'none' : `those of ${holder}`;
        throw new ParseError(`key ${hex(value)}`, `statements that prove it to be of ${principal}`, found);
      }
    }
    return keys.map(hex);
  }

  /**
   * Revokes every key of somebody, for good.
   *
   * @param reason - for people, in the control log
   * @throws Refusal; ParseError where nobody of that name has a key
   */
  async revokePrincipal(principal: string, reason: string, options?: ErrandOptions): Promise<Statement[]> {
    const { organisation } = parsePrincipalName(principal);
    const keys = await this.keysOf(principal);
    const issuedUs = this.session.nowUs();
    const bodies = keys.map((key): StatementBody => {
      return { kind: 'revoke', organisation, principal: key, reason, issuedUs };
    });
    if (bodies.length === 0) {
      throw new ParseError(principal, 'somebody with a key', 'nobody');
    }
    return this.declare(bodies, options);
  }

  /**
   * The newest checkpoint of a log, whose signature by the node is verified. Of a control log it also goes on
   * from what was trusted before, and is remembered.
   *
   * @param log - such as `sekisho/fujisawa/control` or `sekisho/fujisawa/access`
   * @param old - an earlier checkpoint, from which it is shown to go on
   * @throws TrustError: it is not what it should be; Refusal
   */
  checkpoint(log: string, old?: { size: number; root: string }): Promise<CheckedLog> {
    return checkLog(this.session, log, old);
  }

  /**
   * An entry of a log, by a statement's id or its index, proven to be in the tree of a checkpoint.
   *
   * @throws TrustError: the proof does not lead to the checkpoint's root; Refusal
   */
  inclusion(
    log: string,
    which: { statement: string } | { index: number },
    checkpoint: { size: number; root: string },
  ): Promise<Included> {
    return includedIn(this.session, log, which, checkpoint);
  }

  /**
   * Asks a question that is answered with a document.
   *
   * @internal
   */
  protected async document(question: Question): Promise<Document> {
    const answer = await this.session.query(question);
    if (answer.case !== 'json') {
      throw new ProtocolViolation('a document', answer.case);
    }
    try {
      return Document.parse(answer.value);
    } catch (thrown) {
      throw new ProtocolViolation('a document', asError(thrown).message);
    }
  }

  /** @internal */
  protected async json(question: Question): Promise<Json> {
    return (await this.document(question)).json;
  }
}

function atOf(at: number | undefined): { atUs?: bigint } {
  return at === undefined ? {} : { atUs: BigInt(Math.round(at * 1000)) };
}
