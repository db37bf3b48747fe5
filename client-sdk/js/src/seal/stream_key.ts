// The one symmetric key of the envelopes that a publisher seals under one key header, and how both sides come
// by it (docs/protocol.md, section 5.3).

import { concat, constantTimeEqual, fromHex, hmacSha256, owned, utf8 } from '../bytes.js';
import type { SealingSuite } from '../suite.js';
import { SUITES } from '../suite.js';
import { binding } from './binding.js';
import type { KemPrivate, KemPublicKey } from './kem.js';
import { exportReceived } from './kem.js';

const ROOT_CONTEXT = utf8('sekisho-root-v1\0');
const KEY_CONTEXT = utf8('sekisho-envelope-key-v1\0');
const COMMITMENT_CONTEXT = utf8('sekisho-key-commitment-v1\0');
const NONCE_BYTES = 12;
const TAG_BITS = 128;
const AES = 'AES-GCM';

/** Whose envelopes the key is for. */
export interface Stream {
  readonly suite: SealingSuite;
  readonly topic: string;
  readonly epoch: bigint;
  readonly publisher: string;
  readonly boot: string;
}

interface Aead {
  seal(nonce: Uint8Array<ArrayBuffer>, header: Uint8Array, content: Uint8Array): Promise<Uint8Array>;
  open(nonce: Uint8Array<ArrayBuffer>, header: Uint8Array, body: Uint8Array): Promise<Uint8Array>;
}

function infoOf(stream: Stream): Uint8Array {
  const { suite, topic, epoch, publisher, boot } = stream;
  return binding('sekisho-key-header-info-v1', [suite, topic, epoch, fromHex(publisher), fromHex(boot)]);
}

/** See the file. */
export class StreamKey {
  private constructor(
    private readonly aead: Aead,
    /** 32 bytes that commit to the key. */
    readonly commitment: Uint8Array,
  ) {}

  /**
   * The publisher's side: with the encapsulation for the key header.
   *
   * @param ekm - the randomness, for vectors alone
   */
  static async make(
    stream: Stream,
    epochKey: KemPublicKey,
    ekm?: Uint8Array,
  ): Promise<{ key: StreamKey; encapsulation: Uint8Array }> {
    const { encapsulation, secret } = await epochKey.export(infoOf(stream), ROOT_CONTEXT, ekm);
    return { key: await StreamKey.fromRoot(stream.suite, secret), encapsulation };
  }

  /** The reader's side. */
  static async recover(stream: Stream, keys: KemPrivate, encapsulation: Uint8Array): Promise<StreamKey> {
    const root = await exportReceived(keys, infoOf(stream), encapsulation, ROOT_CONTEXT);
    return StreamKey.fromRoot(stream.suite, root);
  }

  private static async fromRoot(suite: SealingSuite, root: Uint8Array): Promise<StreamKey> {
    const key = await expand(root, KEY_CONTEXT);
    const commitment = await expand(root, COMMITMENT_CONTEXT);
    const aead = SUITES[suite].aead === 'aes-256-gcm' ? await aesOf(key) : await chachaOf(key);
    return new StreamKey(aead, commitment);
  }

  /** Whether a key header commits to this key. Takes the same time whatever the answer. */
  isCommitted(commitment: Uint8Array): boolean {
    return constantTimeEqual(this.commitment, commitment);
  }

  /** Ciphertext and tag. A sequence is used once: it is the nonce. */
  seal(sequence: bigint, header: Uint8Array, content: Uint8Array): Promise<Uint8Array> {
    return this.aead.seal(nonceOf(sequence), header, content);
  }

  /** The content; rejects where the key, the sequence, the header or the body is another. */
  open(sequence: bigint, header: Uint8Array, body: Uint8Array): Promise<Uint8Array> {
    return this.aead.open(nonceOf(sequence), header, body);
  }
}

/** HKDF-Expand with SHA-256, of 32 bytes: one block. */
function expand(root: Uint8Array, context: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return hmacSha256(root, concat(context, Uint8Array.of(1)));
}

function nonceOf(sequence: bigint): Uint8Array<ArrayBuffer> {
  const nonce = new Uint8Array(NONCE_BYTES);
  new DataView(nonce.buffer).setBigUint64(4, sequence);
  return nonce;
}

async function aesOf(raw: Uint8Array): Promise<Aead> {
  const key = await crypto.subtle.importKey('raw', owned(raw), AES, false, ['encrypt', 'decrypt']);
  const parameters = (iv: Uint8Array<ArrayBuffer>, header: Uint8Array) => {
    return { name: AES, iv, additionalData: owned(header), tagLength: TAG_BITS };
  };
  return {
    seal: async (nonce, header, content) =>
      new Uint8Array(await crypto.subtle.encrypt(parameters(nonce, header), key, owned(content))),
    open: async (nonce, header, body) =>
      new Uint8Array(await crypto.subtle.decrypt(parameters(nonce, header), key, owned(body))),
  };
}

async function chachaOf(key: Uint8Array): Promise<Aead> {
  const { open, seal } = await import('./chacha.js');
  return {
    seal: async (nonce, header, content) => seal(key, nonce, header, content),
    open: async (nonce, header, body) => open(key, nonce, header, body),
  };
}
