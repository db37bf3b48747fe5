// Which questions are taken.

import { parseFilter } from '../filter.js';
import { ERRAND_ANSWER_BYTES_MAX, ERRAND_BYTES_MAX, STATEMENT_BYTES_MAX } from '../limits.js';
import { parseLogName } from '../log_name.js';
import { parsePrincipalName } from '../name.js';
import { ACTIONS } from '../statement/action.js';
import { parseTopic } from '../topic.js';
import type { Fields } from '../wire/fields.js';
import type { InclusionQuery, Query } from '../wire/sekisho_pb.js';

type Question = Query['kind'];

/** See the file. */
export class QuestionChecks {
  constructor(private readonly fields: Fields) {}

  /** @throws DecodeError the first field that is out of its range. */
  check(question: Question): void {
    if (question.case === undefined) {
      throw this.fields.refusal('kind', 'a question', 'none');
    }
    const wanted = 'true where a kind has no value';
    this.fields.require('kind', wanted, question.value !== false, 'false');
    this.ofKeys(question);
    this.ofRights(question);
    this.ofLogs(question);
    this.ofOffice(question);
    this.ofErrands(question);
  }

  private ofKeys(question: Question): void {
    switch (question.case) {
      case 'principal':
        this.fields.fixed('principal', question.value, 32);
        return;
      case 'epochOf':
        this.topic('epoch_of', question.value);
        return;
      case 'keyGrants':
        this.fields.parse('tree', question.value.tree, parseFilter);
        return;
      case 'keyHeader':
        this.fields.fixed('key_header', question.value, 16);
        return;
      case 'streamHead':
        this.topic('topic', question.value.topic);
        this.fields.fixed('boot', question.value.boot, 16);
        return;
    }
  }

  private ofRights(question: Question): void {
    switch (question.case) {
      case 'who':
        this.topic('topic', question.value.topic);
        this.action(question.value.action);
        return;
      case 'why':
        this.principal('principal', question.value.principal);
        this.action(question.value.action);
        this.topic('topic', question.value.topic);
        return;
      case 'what':
        this.principal('principal', question.value.principal);
        return;
      case 'discover':
        this.fields.parse('filter', question.value.filter, parseFilter);
        this.fields.parseOptional('after', question.value.after, parseTopic);
        return;
    }
  }

  private ofLogs(question: Question): void {
    switch (question.case) {
      case 'checkpoint':
        this.fields.parse('log', question.value.log, parseLogName);
        return;
      case 'inclusion':
        this.fields.parse('log', question.value.log, parseLogName);
        this.oneEntry(question.value);
        return;
      case 'diff':
        this.length('diff', "a statement's length", question.value, STATEMENT_BYTES_MAX);
        return;
    }
  }

  private ofOffice(question: Question): void {
    switch (question.case) {
      case 'refuseEnrolment':
      case 'tellEnrolment':
        this.fields.fixed('token_id', question.value.tokenId, 16);
        this.fields.text('why', question.value.why);
        return;
      case 'erase':
        this.principal('principal', question.value.principal);
        this.fields.idOptional('id', question.value.id);
        return;
      case 'accesses':
        this.fields.parseOptional('subject', question.value.subject, parsePrincipalName);
        return;
    }
  }

  private ofErrands(question: Question): void {
    switch (question.case) {
      case 'errand':
        this.length('errand', "an errand's length", question.value, ERRAND_BYTES_MAX);
        return;
      case 'answerErrand':
        this.length('answer_errand', "an answer's length", question.value, ERRAND_ANSWER_BYTES_MAX);
        return;
      case 'sessions':
        this.fields.parseOptional('principal', question.value.principal, parsePrincipalName);
        return;
      case 'epochs':
        this.fields.parseOptional('after', question.value.after, parseFilter);
        return;
      case 'storage':
        this.fields.parseOptional('filter', question.value.filter, parseFilter);
        this.fields.parseOptional('after', question.value.after, parseFilter);
        return;
    }
  }

  private length(field: string, wanted: string, bytes: Uint8Array, bytesMax: number): void {
    this.fields.require(field, wanted, bytes.length <= bytesMax, bytes.length);
  }

  private oneEntry(query: InclusionQuery): void {
    const statement = this.fields.idOptional('statement', query.statement);
    const isOne = (statement === undefined) !== (query.index === undefined);
    const found = statement === undefined ? 'neither' : 'both';
    this.fields.require('statement', 'a statement or an index', isOne, found);
  }

  private topic(field: string, text: string): void {
    this.fields.parse(field, text, parseTopic);
  }

  private principal(field: string, text: string): void {
    this.fields.parse(field, text, parsePrincipalName);
  }

  private action(number: number): void {
    this.fields.numbered('action', 'an action from 1 to 8', ACTIONS, number);
  }
}
