// Contracts in Spanish.

import type { Most, Term } from './phrase.js';
import { ending, list, since } from './spanish.js';

/** One fact as a whole sentence. */
export function sayTerm(term: Term): string {
  switch (term.term) {
    case 'between': {
      const quoted = term.purposes.map((purpose) => `«${purpose}»`);
      const purpose = quoted.length === 0 ? '' : `, para ${list(quoted)}`;
      return `${list(term.parties)} firman un contrato ${since(term.from)}${purpose}, ${ending(term.until)}.`;
    }
    case 'offers':
      return term.filters.length === 0
        ? `${term.owner} no ofrece nada a ${term.taker}.`
        : `${term.owner} ofrece a ${term.taker} lo que conceda de ${list(term.filters)}.`;
    case 'takes':
      return term.filters.length === 0
        ? `${term.taker} no toma nada de ${term.owner}.`
        : `${term.taker} toma ${list(term.filters)} de ${term.owner}.`;
    case 'onward':
      return term.onward
        ? `${term.taker} puede cederlo a las organizaciones asociadas con ella.`
        : `${term.taker} no puede cederlo a otras.`;
    case 'passes-on': {
      const topics =
        term.filters.length === 0 ? 'pero ninguno de sus temas' : `y además ${list(term.filters)}`;
      return (
        `${term.via} cede a ${term.taker} lo que declara ${term.owner}, ${topics}. Desde entonces ` +
        `${term.taker} conoce a ${term.owner} por la raíz ${term.root}.`
      );
    }
    case 'carries-home':
      return `${term.carrier} lleva hasta ${term.home} los sobres que esta publique en ${list(term.filters)}.`;
    case 'limit':
      return limit(term.of, term.by, term.most);
  }
}

function limit(of: string, by: string, most: Most): string {
  switch (most.of) {
    case 'bytes':
      return `${of} puede enviar a ${by} como máximo ${most.number} bytes por segundo.`;
    case 'envelopes':
      return `${of} puede enviar a ${by} como máximo ${most.number} sobres por segundo.`;
    case 'interests':
      return `${of} puede pedir a ${by} como máximo ${most.number} filtros a la vez.`;
    case 'history-bytes':
      return `${by} entrega a ${of} como máximo ${most.number} bytes por segundo de lo conservado.`;
  }
}
