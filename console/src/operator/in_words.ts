// A statement of the log in one sentence of the present language, for lists.

import { fingerprint, inShort, type PreviewLanguage, type Said, shortHash } from '@sekisho/client/preview';
import { count } from '../words/format';
import type { Stand } from './stand';
import { liveWords } from './words/live';
import { logWords, statementWords } from './words/log';
import { kindWords } from './words/shared';

/** What a statement says. Of keys the holder is named, where it has joined. */
export function inWords(said: Said, stand: Stand, language: PreviewLanguage): string {
  const short = inShort(said, language);
  if (short !== undefined && said.kind !== 'revoke') return short;
  const w = logWords();
  switch (said.kind) {
    case 'revoke': {
      if ('statement' in said.target) return short ?? shortHash(said.target.statement);
      const holder = stand.keys.get(said.target.principal)?.said.name;
      return holder === undefined ? (short ?? '') : `${holder}: ${short ?? ''}`;
    }
    case 'principal':
      return w.isKind(said.name, kindWords()[said.principalKind]);
    case 'issuer':
      return w.speaks(said.name);
    case 'org-root':
      return w.rootSays(said.organisation, count(said.threshold), count(said.keys));
    case 'epoch-announce':
      return w.sealed(said.tree, count(said.epoch));
    case 'key-grant': {
      const who = stand.keys.get(said.reader)?.said.name ?? fingerprint(said.reader);
      return w.givenKey(who, count(said.epoch), said.tree);
    }
    case 'erasure':
      return w.destroyed(erased(said));
    default:
      return w.fallback(statementWords()[said.kind]);
  }
}

function erased(said: Extract<Said, { kind: 'erasure' }>): string {
  const w = liveWords();
  if ('subject' in said.erased) return w.erasedSubject(fingerprint(said.erased.subject));
  return w.erasedEpoch(said.erased.tree, count(said.erased.epoch));
}
