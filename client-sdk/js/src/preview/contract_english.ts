// Contracts in English.

import { ending, list, since } from './english.js';
import type { Most, Term } from './phrase.js';

/** One fact as a whole sentence. */
export function sayTerm(term: Term): string {
  switch (term.term) {
    case 'between': {
      const [one, other] = term.parties;
      const quoted = term.purposes.map((purpose) => `“${purpose}”`);
      const purpose = quoted.length === 0 ? '' : `, for ${list(quoted, 'and')}`;
      return `${one} and ${other} make a contract ${since(term.from)}${purpose}, ${ending(term.until)}.`;
    }
    case 'offers':
      return term.filters.length === 0
        ? `${term.owner} offers ${term.taker} nothing.`
        : `${term.owner} offers ${term.taker} what it grants of ${list(term.filters, 'and')}.`;
    case 'takes':
      return term.filters.length === 0
        ? `${term.taker} takes nothing of ${term.owner}.`
        : `${term.taker} takes ${list(term.filters, 'and')} of ${term.owner}.`;
    case 'onward':
      return term.onward
        ? `${term.taker} may pass it on to its own peers.`
        : `${term.taker} may not pass it on.`;
    case 'passes-on': {
      const topics =
        term.filters.length === 0 ? 'but none of its topics' : `and ${list(term.filters, 'and')}`;
      return (
        `${term.via} passes on to ${term.taker} what ${term.owner} states, ${topics}. ${term.taker} knows ` +
        `${term.owner} from then on by the root ${term.root}.`
      );
    }
    case 'carries-home': {
      const topics = list(term.filters, 'and');
      return `${term.carrier} carries envelopes of ${term.home}'s publishers on ${topics} home to it.`;
    }
    case 'limit':
      return limit(term.of, term.by, term.most);
  }
}

function limit(of: string, by: string, most: Most): string {
  switch (most.of) {
    case 'bytes':
      return `${of} may send ${by} at most ${most.number} bytes per second.`;
    case 'envelopes':
      return `${of} may send ${by} at most ${most.number} envelopes per second.`;
    case 'interests':
      return `${of} may ask ${by} for at most ${most.number} filters at a time.`;
    case 'history-bytes':
      return `${by} gives ${of} at most ${most.number} bytes per second of what it kept.`;
  }
}
