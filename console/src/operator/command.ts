// The command line that does what the page does, for whoever would rather type it, writes it into a
// script, or wants to see that the page can do nothing more.

import type { Said, StreamSaid } from '@sekisho/client/preview';

/** One word as a POSIX shell takes it unchanged. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A line of `sekisho`, its words quoted. */
export function sekisho(...words: (string | undefined)[]): string {
  return ['sekisho', ...words.filter((word) => word !== undefined).map(quoted)].join(' ');
}

function option(name: string, value: string | number | undefined): string[] {
  return value === undefined || value === '' ? [] : [`--${name}`, String(value)];
}

/** A time as the command line takes it: a day where it is midnight in UTC. */
export function timeWord(time: number | undefined): string | undefined {
  if (time === undefined) return undefined;
  return new Date(time)
    .toISOString()
    .replace('.000Z', 'Z')
    .replace(/T00:00:00Z$/, '');
}

/** The command that states the same; undefined where no command is made for it. */
export function commandOf(said: Said, extra: { revoked?: string | undefined } = {}): string | undefined {
  switch (said.kind) {
    case 'grant':
      return sekisho(
        'grant',
        said.grantee,
        said.actions.join(','),
        said.filter,
        ...option('purpose', said.purpose),
        ...option('from', said.from > said.issued ? timeWord(said.from) : undefined),
        ...option('until', timeWord(said.until)),
        ...option('history-from', timeWord(said.historyFrom)),
        ...(said.onward ? ['--onward'] : []),
        ...option('rate', said.ratePerS),
      );
    case 'deny':
      return sekisho(
        'deny',
        said.grantee,
        said.actions.join(','),
        said.filter,
        ...option('reason', said.reason),
      );
    case 'role': {
      const name = said.role.replace(/^role\//, '').split('@')[0];
      return sekisho('role', 'assign', name, said.member, ...option('until', timeWord(said.until)));
    }
    case 'revoke': {
      const target = 'statement' in said.target ? said.target.statement : extra.revoked;
      return target === undefined ? undefined : sekisho('revoke', target, ...option('reason', said.reason));
    }
    case 'stream-descriptor':
      return describing(said);
    default:
      return undefined;
  }
}

function describing(said: StreamSaid): string {
  return sekisho(
    'describe',
    said.topic,
    ...option('type', said.deviceType),
    ...option('title', said.title),
    ...option('class', said.class),
    ...(said.mobile ? ['--mobile'] : []),
    ...(said.latitude === undefined || said.longitude === undefined
      ? []
      : ['--location', `${said.latitude},${said.longitude}`]),
    ...option('retention-days', said.retentionS === undefined ? undefined : said.retentionS / 86_400),
    ...said.transducers.flatMap((one) => ['--transducer', `${one.name}=${one.unit}`]),
  );
}
