// The first frames of a connection: the node's challenge, our proof, the node's, then Hello until Welcome.
//
// The certificate that TLS shows is anybody's until the node has signed it: whoever stands in between
// shows another, and neither proof fits it. A browser cannot see the certificate; there, the node's
// signature still proves who is at the other end, and the browser judges the certificate itself.

import { equal, hex } from './bytes.js';
import { NodeNotProven, ProtocolViolation } from './failure.js';
import { decodeFrame, encodeFrame, type FrameKind, type FrameOf } from './frame.js';
import type { Identity } from './identity.js';
import { Refusal } from './refusal.js';
import { loginSigningInput } from './seal/login.js';
import { VerifyingKey } from './seal/signature.js';
import type { MessageSocket } from './socket.js';
import type { Welcome } from './wire/sekisho_pb.js';

const NONCE_BYTES = 32;

/** Who logs in, and whom it means to reach. */
export interface Claim {
  readonly identity: Identity;
  /** The only key that the node may prove. */
  readonly nodeKey: Uint8Array;
  /** As in what opened the socket. */
  readonly certificate: Uint8Array | undefined;
}

/**
 * Proves our key and demands the same of the node.
 *
 * @throws NodeNotProven, Refusal, ProtocolViolation, Disconnected
 */
export async function login(socket: MessageSocket, claim: Claim): Promise<void> {
  const challenge = await hear(socket, 'challenge');
  const transcript = {
    nodeNonce: challenge.nonce,
    clientNonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
    nodeKey: claim.nodeKey,
    clientKey: claim.identity.publicKey,
  };
  const isShown = claim.certificate?.some((byte) => byte !== 0);
  const certificate = isShown ? claim.certificate : undefined;
  const input = loginSigningInput('client', certificate ? { ...transcript, certificate } : transcript);
  const signature = await claim.identity.sign(input);
  const value = {
    publicKey: transcript.clientKey,
    nonce: transcript.clientNonce,
    certificate: certificate ?? new Uint8Array(),
    signature,
  };
  socket.send(encodeFrame({ case: 'login', value }));
  const wanted = `a proof of ${hex(claim.nodeKey)}`;
  const proven = await hear(socket, 'proven').catch((thrown: unknown) => {
    // Of our signature, which covers the node's key and the certificate: one of both is another there.
    if (thrown instanceof Refusal && thrown.name === 'bad-signature') {
      const what = thrown.what === 'certificate' ? 'certificate' : 'node key';
      throw new NodeNotProven(what, wanted, `that our login is refused: ${thrown.message}`);
    }
    throw thrown;
  });
  if (!equal(proven.publicKey, claim.nodeKey)) {
    throw new NodeNotProven('node key', wanted, hex(proven.publicKey));
  }
  const said = loginSigningInput('node', { ...transcript, certificate: proven.certificate });
  if (!(await VerifyingKey.parse(claim.nodeKey).verify(said, proven.signature))) {
    throw new NodeNotProven('node key', wanted, "another's signature");
  }
  if (claim.certificate !== undefined && !equal(proven.certificate, claim.certificate)) {
    const own = `the node's own, ${hex(proven.certificate)}`;
    throw new NodeNotProven('certificate', own, `${hex(claim.certificate)}: somebody in between ends TLS`);
  }
}

/**
 * Introduces this client; resolves when the node has said Welcome.
 *
 * @throws Refusal, ProtocolViolation, Disconnected
 */
export async function greet(socket: MessageSocket, software: string, organisation: string): Promise<Welcome> {
  socket.send(encodeFrame({ case: 'hello', value: { version: 1, software, organisation } }));
  const welcome = await hear(socket, 'welcome');
  if (welcome.organisation !== organisation) {
    throw new ProtocolViolation(`a node of ${organisation}`, `one of ${welcome.organisation}`);
  }
  return welcome;
}

/** The next frame, which must be of this kind. */
export async function hear<K extends FrameKind['case']>(
  socket: MessageSocket,
  wanted: K,
): Promise<FrameOf<K>> {
  const frame = decodeFrame(await socket.next());
  if (frame.case === 'refused') {
    throw new Refusal(frame.value.code, frame.value.what, frame.value.why);
  }
  if (frame.case !== wanted) {
    throw new ProtocolViolation(String(wanted), String(frame.case));
  }
  return frame.value as FrameOf<K>;
}
