// Which values of a frame's fields are taken: those of a node, in the same order.

import { utf8Length } from '../bytes.js';
import { gapReasonName, refusalName } from '../code.js';
import { isTopic, parseFilter } from '../filter.js';
import {
  HOPS_MAX,
  NOTE_BYTES_MAX,
  PROOF_HASHES_MAX,
  SIGN_IN_BYTES_MAX,
  STATEMENTS_PER_FRAME_MAX,
  STATEMENTS_PER_STATE_MAX,
} from '../limits.js';
import { parseLogName } from '../log_name.js';
import { parseCursor, parseOrganisation, parsePrincipalName } from '../name.js';
import { SUITES } from '../suite.js';
import { parseTopic } from '../topic.js';
import { Fields } from '../wire/fields.js';
import type { Answer, Enrol, Frame, Gap, Record, Start, Statements, Subscribe } from '../wire/sekisho_pb.js';
import { QuestionChecks } from './question_checks.js';

type Kind = Exclude<Frame['kind'], { case: undefined }>;

/** How far an errand is that was answered. */
const ANSWERED = 3;

/** See the file. */
export class FrameChecks {
  private readonly fields: Fields;

  constructor(name: string) {
    this.fields = new Fields(name);
  }

  /** @throws DecodeError the first field that is out of its range. */
  check(frame: Kind): void {
    this.greeting(frame);
    this.publishing(frame);
    this.delivery(frame);
    this.logs(frame);
    this.login(frame);
  }

  private greeting(frame: Kind): void {
    switch (frame.case) {
      case 'hello':
        this.fields.text('software', frame.value.software);
        this.fields.parse('organisation', frame.value.organisation, parseOrganisation);
        return;
      case 'welcome':
        this.fields.parse('organisation', frame.value.organisation, parseOrganisation);
        this.fields.parseOptional('principal', frame.value.principal, parsePrincipalName);
        return;
      case 'goodbye':
        this.codeOptional(frame.value.code);
        this.fields.text('why', frame.value.why);
        return;
      case 'enrol':
        this.enrol(frame.value);
        return;
      case 'enrolling':
        this.fields.atMost('statements', STATEMENTS_PER_FRAME_MAX, frame.value.statements.length);
        this.between('state', 'a state from 1 to 3', frame.value.state, 1, 3);
        this.fields.text('why', frame.value.why);
        return;
    }
  }

  private publishing(frame: Kind): void {
    switch (frame.case) {
      case 'publish':
      case 'published':
        this.request(frame.value.request);
        return;
      case 'vouched':
        this.request(frame.value.request);
        this.fields.fixed('signature', frame.value.signature, 64);
        return;
      case 'refused':
        this.code(frame.value.code);
        this.fields.text('what', frame.value.what);
        this.fields.text('why', frame.value.why);
        return;
      case 'query':
        this.request(frame.value.request);
        new QuestionChecks(this.fields).check(frame.value.kind);
        return;
      case 'answer':
        this.answer(frame.value);
        return;
    }
  }

  private delivery(frame: Kind): void {
    switch (frame.case) {
      case 'subscribe':
        this.subscribe(frame.value);
        return;
      case 'record':
        this.record(frame.value);
        return;
      case 'gap':
        this.gap(frame.value);
        return;
      case 'ended':
        this.codeOptional(frame.value.code);
        this.fields.text('what', frame.value.what);
        this.fields.text('why', frame.value.why);
        return;
    }
  }

  private logs(frame: Kind): void {
    switch (frame.case) {
      case 'state':
        this.request(frame.value.request);
        this.between('statements', '1 to 256', frame.value.statements.length, 1, STATEMENTS_PER_STATE_MAX);
        return;
      case 'stated':
        this.request(frame.value.request);
        this.between('indices', '1 to 256', frame.value.indices.length, 1, STATEMENTS_PER_STATE_MAX);
        return;
      case 'follow':
        this.fields.parse('organisation', frame.value.organisation, parseOrganisation);
        return;
      case 'statements':
        this.statements(frame.value);
        return;
      case 'checkpoint':
        this.note(frame.value.note);
        this.hashes('consistency', frame.value.consistency);
        return;
      case 'cosigned':
        this.fields.text('signature', frame.value.signature);
        this.fields.parse('log', frame.value.log, parseLogName);
        return;
    }
  }

  private login(frame: Kind): void {
    switch (frame.case) {
      case 'challenge':
        this.fields.fixed('nonce', frame.value.nonce, 32);
        return;
      case 'login':
        this.fields.fixed('public_key', frame.value.publicKey, 32);
        this.fields.fixed('nonce', frame.value.nonce, 32);
        this.fields.idOptional('certificate', frame.value.certificate);
        this.fields.fixed('signature', frame.value.signature, 64);
        return;
      case 'proven':
        this.fields.fixed('public_key', frame.value.publicKey, 32);
        this.fields.fixed('certificate', frame.value.certificate, 32);
        this.fields.fixed('signature', frame.value.signature, 64);
        return;
    }
  }

  private enrol(enrol: Enrol): void {
    const suite = this.fields.suite('kem_suite', enrol.kemSuite);
    const wanted = suite === 0 ? 0 : SUITES[suite].publicKeyBytes;
    const found = enrol.kemPublicKey.length;
    this.fields.require('kem_public_key', 'the length of its suite', found === wanted, found);
    this.fields.fixed('token_id', enrol.tokenId, 16);
    this.fields.fixed('public_key', enrol.publicKey, 32);
    this.fields.fixed('proof', enrol.proof, 32);
    this.fields.atMost('sign_in', SIGN_IN_BYTES_MAX, enrol.signIn.length);
  }

  private subscribe(subscribe: Subscribe): void {
    const filter = this.fields.parse('filter', subscribe.filter, parseFilter);
    this.start(subscribe.start);
    const ofOneTopic = subscribe.start?.kind.case !== 'offset' || isTopic(filter);
    this.fields.require('filter', 'a topic, since start is an offset', ofOneTopic, 'a pattern');
    this.fields.parseOptional('cursor', subscribe.cursor, parseCursor);
  }

  private start(start: Start | undefined): void {
    const kind = start?.kind;
    if (kind?.case === undefined) {
      throw this.fields.refusal('start', 'a place to begin', 'none');
    }
    const wanted = 'true where a kind has no value';
    this.fields.require('start', wanted, kind.value !== false, 'false');
  }

  private record(record: Record): void {
    this.fields.atMost('hops', HOPS_MAX, record.hops.length);
    for (const hop of record.hops) {
      this.fields.fixed('hops', hop, 32);
    }
  }

  private gap(gap: Gap): void {
    const isOrdered = gap.fromPosition <= gap.toPosition;
    this.fields.require('to_position', 'from_position or more', isOrdered, gap.toPosition);
    const isKnown = gapReasonName(gap.reason) !== undefined;
    this.fields.require('reason', 'a reason from 1 to 6', isKnown, gap.reason);
    this.fields.parseOptional('topic', gap.topic, parseTopic);
  }

  private answer(answer: Answer): void {
    const { kind } = answer;
    switch (kind.case) {
      case undefined:
        throw this.fields.refusal('kind', 'an answer', 'none');
      case 'statements':
        this.fields.atMost('statements', STATEMENTS_PER_FRAME_MAX, kind.value.statements.length);
        break;
      case 'errand':
        this.standing(kind.value.state, kind.value.answer);
        break;
      case 'errands':
        this.fields.atMost('errands', STATEMENTS_PER_FRAME_MAX, kind.value.errands.length);
        break;
      case 'checkpoint':
        this.note(kind.value.note);
        this.hashes('consistency', kind.value.consistency);
        break;
      case 'inclusion':
        this.hashes('path', kind.value.path);
        break;
    }
    this.request(answer.request);
  }

  private standing(state: number, answer: Uint8Array): void {
    const fits = (state === ANSWERED) === answer.length > 0;
    this.fields.require('answer', 'one with state 3 only', fits, answer.length);
    this.between('state', '1 to 3', state, 1, ANSWERED);
  }

  private statements(frame: Statements): void {
    const found = frame.statements.length;
    this.fields.atMost('statements', STATEMENTS_PER_FRAME_MAX, found);
    const times = frame.receivedUs.length;
    this.fields.require('received_us', 'one per statement', times === found, times);
    this.fields.parse('organisation', frame.organisation, parseOrganisation);
  }

  private request(request: bigint): void {
    this.fields.require('request', '1 or more', request > 0n, request);
  }

  private code(code: number): void {
    this.fields.require('code', 'a code of docs/protocol.md', refusalName(code) !== undefined, code);
  }

  private codeOptional(code: number): void {
    if (code !== 0) {
      this.code(code);
    }
  }

  private between(field: string, wanted: string, found: number, least: number, most: number): void {
    this.fields.require(field, wanted, found >= least && found <= most, found);
  }

  private note(note: string): void {
    const length = utf8Length(note);
    this.fields.require('note', 'at most 16384 bytes', length <= NOTE_BYTES_MAX, length);
  }

  private hashes(field: string, hashes: readonly Uint8Array[]): void {
    this.fields.atMost(field, PROOF_HASHES_MAX, hashes.length);
    for (const hash of hashes) {
      this.fields.fixed(field, hash, 32);
    }
  }
}
