// Errands: what an administrator asks of a steward. They are signed, and sealed to the steward; the node
// carries them and can neither read nor change them.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { concat, equal, fromHex, hex, lengthPrefixed, randomBytes, sha256, utf8 } from './bytes.js';
import { ParseError } from './decode_error.js';
import { asError, Closed, ProtocolViolation } from './failure.js';
import { principalId } from './identity.js';
import { FRAME_BYTES_MAX } from './limits.js';
import { Refusal } from './refusal.js';
import { binding } from './seal/binding.js';
import { KemPublicKey } from './seal/kem.js';
import { VerifyingKey } from './seal/signature.js';
import type { Session } from './session.js';
import { decodeStatement, type Principal } from './statement.js';
import type { SealingSuite } from './suite.js';
import { pause } from './waiting.js';
import { decodeCanonical, encode } from './wire/canonical.js';
import type { ErrandTaskSchema, ErrandOutcome as OutcomeMessage } from './wire/sekisho_pb.js';

/** How long a steward may take to begin, microseconds: time for somebody to switch it on. */
const PATIENCE_US = 10n * 60n * 1_000_000n;
/** Between two looks at whether there is an answer, milliseconds. */
const LOOK_EVERY = 400;
const ERRAND_ID_BYTES = 16;
const ANSWERED = 3;
const AWAY = 1;

/** What is asked. */
export type ErrandTask = Exclude<
  NonNullable<MessageInitShape<typeof ErrandTaskSchema>['kind']>,
  { case?: undefined }
>;
/** What came of it. */
export type ErrandOutcome = Exclude<OutcomeMessage['kind'], { case: undefined } | { case: 'refused' }>;

/** How one waits for an errand. */
export interface ErrandOptions {
  /** Called when it is known whether the steward is there: `away` = it has no session at the moment. */
  readonly onWaiting?: (standing: 'away' | 'waiting') => void;
  /** Stops waiting. The errand may be done all the same. */
  readonly signal?: AbortSignal;
}

/** A steward whose keys are proven. */
export interface Steward {
  /** Principal id, hexadecimal. */
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly kemSuite: SealingSuite;
  readonly kemPublicKey: Uint8Array;
}

/**
 * Sends an errand and waits for its answer, over as many connections as it takes.
 *
 * @throws Refusal: the steward refused, or the node; `expired` of the node = nobody knows whether it was done,
 * as it was not begun in time or the answer was kept back. ProtocolViolation: the answer is not the steward's
 */
export async function runErrand(
  session: Session,
  task: ErrandTask,
  issuedUs: bigint,
  options: ErrandOptions = {},
): Promise<ErrandOutcome> {
  const steward = await findSteward(session);
  const errand = await makeErrand(session, steward, task, issuedUs);
  for (;;) {
    const standing = await lookAt(session, errand.encoded);
    if (standing.state === ANSWERED) {
      return outcomeOf(await openAnswer(session, steward, errand, standing.answer));
    }
    options.onWaiting?.(standing.state === AWAY ? 'away' : 'waiting');
    await pause(LOOK_EVERY, options.signal);
    if (options.signal?.aborted) {
      throw new Closed('errand', { cause: options.signal.reason });
    }
  }
}

/**
 * The steward that errands go to: the node says who they are, and their statements prove it.
 *
 * @throws ParseError where none is proven
 */
export async function findSteward(session: Session): Promise<Steward> {
  const answer = await session.query({ case: 'status', value: true });
  const status: unknown = answer.case === 'json' ? JSON.parse(answer.value) : undefined;
  const told = isRecord(status) && Array.isArray(status.stewards_known) ? status.stewards_known : [];
  const hints = told.filter(isRecord);
  hints.sort((one, other) => Number(other.connected === true) - Number(one.connected === true));
  for (const { id } of hints) {
    const steward = typeof id === 'string' ? await provenSteward(session, id) : undefined;
    if (steward !== undefined) {
      return steward;
    }
  }
  throw new ParseError('steward', 'one that trusted statements prove', `${hints.length} that are not proven`);
}

async function provenSteward(session: Session, id: string): Promise<Steward | undefined> {
  const answer = await session.query({ case: 'principal', value: fromHex(id) });
  if (answer.case !== 'statements') {
    throw new ProtocolViolation('statements', answer.case);
  }
  await session.directory.learn(answer.value.statements);
  const known = session.directory.publisher(id);
  const now = session.nowUs();
  const isInForce = known?.revokedUs === undefined && (known?.untilUs === undefined || now < known.untilUs);
  if (known?.principalKind !== 'steward' || known.organisation !== session.organisation || !isInForce) {
    return undefined;
  }
  const statements = answer.value.statements.map(decodeStatement);
  const named = statements.find(
    ({ body }) => body.kind === 'principal' && principalId(body.publicKey) === id,
  );
  if (named === undefined || !session.directory.believes(named)) {
    return undefined;
  }
  const { publicKey, kemSuite, kemPublicKey } = named.body as Principal;
  return kemSuite === 0 ? undefined : { id, publicKey, kemSuite, kemPublicKey };
}

interface MadeErrand {
  readonly encoded: Uint8Array;
  readonly id: Uint8Array;
  readonly hash: Uint8Array;
}

async function makeErrand(
  session: Session,
  steward: Steward,
  task: ErrandTask,
  issuedUs: bigint,
): Promise<MadeErrand> {
  const { identity, organisation } = session;
  const id = randomBytes(ERRAND_ID_BYTES);
  const [asker, stewardId] = [fromHex(identity.id), fromHex(steward.id)];
  const untilUs = issuedUs + PATIENCE_US;
  const parts = [organisation, id, asker, stewardId, issuedUs, untilUs, steward.kemSuite];
  const info = binding('sekisho-errand-info-v1', parts);
  const key = await KemPublicKey.parse(steward.kemSuite, steward.kemPublicKey);
  const sealed = await key.seal(info, encode('ErrandTask', { kind: task }));
  const content = encode('ErrandContent', {
    version: 1,
    organisation,
    id,
    asker,
    steward: stewardId,
    issuedUs,
    untilUs,
    encapsulation: sealed.encapsulation,
    sealed: sealed.sealed,
  });
  const input = signingInput('sekisho-errand-v1', content);
  const signature = await identity.sign(input);
  return { encoded: encode('Errand', { content, signature }), id, hash: sha256(input) };
}

async function lookAt(session: Session, errand: Uint8Array): Promise<{ state: number; answer: Uint8Array }> {
  for (;;) {
    try {
      const answer = await session.query({ case: 'errand', value: errand });
      if (answer.case !== 'errand') {
        throw new ProtocolViolation('the standing of an errand', answer.case);
      }
      return answer.value;
    } catch (thrown) {
      // The same bytes asked again are the same errand.
      const cause = asError(thrown);
      const mayPass = cause.name === 'disconnected' || (cause instanceof Refusal && cause.mayPass);
      if (!mayPass || session.closing.aborted) {
        throw cause;
      }
      await pause(LOOK_EVERY, session.closing);
    }
  }
}

async function openAnswer(
  session: Session,
  steward: Steward,
  errand: MadeErrand,
  encoded: Uint8Array,
): Promise<OutcomeMessage['kind']> {
  const { identity, organisation } = session;
  const { content, signature } = decodeCanonical('ErrandAnswer', 'answer', FRAME_BYTES_MAX, encoded);
  const input = signingInput('sekisho-errand-answer-v1', content);
  if (!(await VerifyingKey.parse(steward.publicKey).verify(input, signature))) {
    throw new ProtocolViolation("the steward's signature under its answer", 'another');
  }
  const said = decodeCanonical('ErrandAnswerContent', 'answer', FRAME_BYTES_MAX, content);
  const [asker, stewardId] = [fromHex(identity.id), fromHex(steward.id)];
  const isOurs =
    said.version === 1 &&
    said.organisation === organisation &&
    equal(said.errand, errand.id) &&
    equal(said.hash, errand.hash) &&
    equal(said.asker, asker) &&
    equal(said.steward, stewardId);
  if (!isOurs) {
    throw new ProtocolViolation('an answer to this errand', `one to ${hex(said.errand)}`);
  }
  const isSealed = said.encapsulation.length > 0;
  const parts = [organisation, errand.id, errand.hash, asker, stewardId, said.issuedUs, identity.kemSuite];
  const info = binding('sekisho-errand-answer-info-v1', parts);
  const opened = isSealed ? await identity.openSealed(info, said.encapsulation, said.sealed) : said.sealed;
  const { kind } = decodeCanonical('ErrandOutcome', 'outcome', FRAME_BYTES_MAX, opened);
  if (!isSealed && kind.case !== 'refused') {
    throw new ProtocolViolation('an answer that is sealed', 'one that is not');
  }
  return kind;
}

function outcomeOf(kind: OutcomeMessage['kind']): ErrandOutcome {
  if (kind.case === undefined) {
    throw new ProtocolViolation('an outcome', 'none');
  }
  if (kind.case === 'refused') {
    throw new Refusal(kind.value.code, kind.value.what, kind.value.why);
  }
  return kind;
}

function signingInput(context: string, content: Uint8Array): Uint8Array {
  return concat(utf8(`${context}\0`), lengthPrefixed(content));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
