// Contracts in Japanese.

import { span } from './japanese.js';
import type { Most, Term } from './phrase.js';

/** One fact as a whole sentence. */
export function sayTerm(term: Term): string {
  switch (term.term) {
    case 'between': {
      const [one, other] = term.parties;
      const quoted = term.purposes.map((purpose) => `「${purpose}」`).join('');
      const purpose = quoted === '' ? '' : `（目的：${quoted}）`;
      return `${one}と${other}は、${span(term.from, term.until)}、契約を結びます${purpose}。`;
    }
    case 'offers':
      return term.filters.length === 0
        ? `${term.owner}は${term.taker}に何も提供しません。`
        : `${term.owner}は、${term.filters.join('、')}のうち許可したものを${term.taker}に提供します。`;
    case 'takes':
      return term.filters.length === 0
        ? `${term.taker}は${term.owner}から何も受け取りません。`
        : `${term.taker}は${term.owner}から${term.filters.join('、')}を受け取ります。`;
    case 'onward':
      return term.onward
        ? `${term.taker}は、これを提携先の組織に渡すことができます。`
        : `${term.taker}は、これを他の組織に渡すことはできません。`;
    case 'passes-on': {
      const topics =
        term.filters.length === 0
          ? 'だけを渡し、そのトピックは渡しません'
          : `と${term.filters.join('、')}を渡します`;
      return (
        `${term.via}は${term.taker}に、${term.owner}のステートメント${topics}。${term.taker}は以後、` +
        `${term.owner}をルート${term.root}によって認識します。`
      );
    }
    case 'carries-home':
      return (
        `${term.carrier}は、${term.home}の発行者が${term.filters.join('、')}に発行するものを` +
        `${term.home}まで運びます。`
      );
    case 'limit':
      return limit(term.of, term.by, term.most);
  }
}

function limit(of: string, by: string, most: Most): string {
  switch (most.of) {
    case 'bytes':
      return `${of}が${by}に送信できるのは毎秒${most.number}バイトまでです。`;
    case 'envelopes':
      return `${of}が${by}に送信できるのは毎秒${most.number}通までです。`;
    case 'interests':
      return `${of}が${by}に同時に求められるフィルターは${most.number}個までです。`;
    case 'history-bytes':
      return `${by}が${of}に渡す過去の記録は毎秒${most.number}バイトまでです。`;
  }
}
