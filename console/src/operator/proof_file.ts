// The file that proves an entry of a log to somebody who has nothing but the fingerprint of the
// organisation's root: C2SP tlog-proof, with what `sekisho log verify` needs besides in its extra data.

/** What a proof is made of; everything but the note is bytes. */
export interface ProofParts {
  /** The log's entry, verbatim. */
  entry: Uint8Array;
  /** From the root to the node's key, then those who signed the entry's statement; encoded. */
  statements: readonly Uint8Array[];
  /** Of an access, what the entry commits to: the record, and its opening in hexadecimal digits. */
  opened?: { record: Uint8Array; opening: string } | undefined;
  index: number;
  path: readonly Uint8Array[];
  /** The checkpoint as it was signed. */
  note: string;
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** The file's text. */
export function proofFile(parts: ProofParts): string {
  const extra = [
    'sekisho-proof/v1',
    `entry ${base64(parts.entry)}`,
    ...parts.statements.map((statement) => `statement ${base64(statement)}`),
    ...(parts.opened === undefined
      ? []
      : [`record ${base64(parts.opened.record)}`, `opening ${parts.opened.opening}`]),
  ];
  // All of it is ASCII.
  const data = btoa(`${extra.join('\n')}\n`);
  const head = ['c2sp.org/tlog-proof@v1', `extra ${data}`, `index ${parts.index}`, ...parts.path.map(base64)];
  return `${head.join('\n')}\n\n${parts.note}`;
}
