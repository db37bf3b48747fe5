// What both sides of a login sign (docs/protocol.md, section 8.1).

import { concat, utf8 } from '../bytes.js';

const CONTEXT = utf8('sekisho-login-v1\0');
const UNSEEN = new Uint8Array(32);

/** Everything that a login's signatures cover. */
export interface LoginTranscript {
  /** Drawn by the node, 32 bytes. */
  readonly nodeNonce: Uint8Array;
  /** Drawn by the client, 32 bytes. */
  readonly clientNonce: Uint8Array;
  readonly nodeKey: Uint8Array;
  readonly clientKey: Uint8Array;
  /** SHA-256 of the certificate's DER; undefined where it cannot be seen, as in a browser. */
  readonly certificate?: Uint8Array | undefined;
}

/** The bytes that the client, or the node, signs. */
export function loginSigningInput(role: 'client' | 'node', login: LoginTranscript): Uint8Array<ArrayBuffer> {
  return concat(
    CONTEXT,
    Uint8Array.of(role === 'client' ? 1 : 2),
    login.nodeNonce,
    login.clientNonce,
    login.nodeKey,
    login.clientKey,
    login.certificate ?? UNSEEN,
  );
}
