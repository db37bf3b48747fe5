// Signed notes (C2SP signed-note), and the checkpoints of logs in them (tlog-checkpoint, tlog-cosignature).

import { compare, concat, fromHex, hex, sha256, utf8, utf8Length } from '../bytes.js';
import { ParseError, quote } from '../decode_error.js';
import { KeyError, VerifyingKey } from '../seal/signature.js';
import type { Known } from './proof.js';

/** A key as notes know it. */
export interface NoteKey {
  readonly name: string;
  /** `log` signs the text (type 0x01), `cosigner` the text with the time (type 0x04). */
  readonly kind: 'log' | 'cosigner';
  /** A raw Ed25519 key. */
  readonly publicKey: Uint8Array;
}

/** One line under a note. */
export interface SignatureLine {
  readonly name: string;
  /** The first 4 bytes of the key's hash, hexadecimal. */
  readonly id: string;
  readonly signature: Uint8Array;
}

/** Text, and under it signatures of whoever stands by it; nothing said about whether they hold. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly SignatureLine[];
  /** The whole as it was read. */
  readonly encoded: string;
}

/** How long a log is, and its root. */
export interface Checkpoint extends Known {
  /** The log's name. */
  readonly origin: string;
}

const NOTE_BYTES_MAX = 128 * 1024;
const SIGNATURES_MAX = 100;
const KEY_ID_BYTES = 4;
const TIME_BYTES = 8;
const KINDS = { log: 0x01, cosigner: 0x04 } as const;
const US_PER_S = 1_000_000n;

/** @throws ParseError where it is no signed note. */
export function parseNote(note: string): Note {
  const length = utf8Length(note);
  if (length > NOTE_BYTES_MAX) {
    throw new ParseError('signed note', `at most ${NOTE_BYTES_MAX} bytes`, `${length}`);
  }
  const end = note.lastIndexOf('\n\n');
  if (end < 0) {
    throw new ParseError('signed note', 'an empty line', quote(note));
  }
  const text = note.slice(0, end + 1);
  const below = note.slice(end + 2);
  if (!below.endsWith('\n')) {
    throw new ParseError('signed note', 'one or more lines that each end in a newline', quote(note));
  }
  const lines = below.slice(0, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) {
    throw new ParseError('signed note', `1 to ${SIGNATURES_MAX} signatures`, `${lines.length}`);
  }
  const signatures = lines.map(parseLine);
  if (hasControl(text)) {
    throw new ParseError('signed note', 'lines without control characters', quote(text));
  }
  return { text, signatures, encoded: note };
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 && unit !== 0x0a) {
      return true;
    }
  }
  return false;
}

function parseLine(line: string): SignatureLine {
  const [, name, encoded] = /^— ([^ ]*) (.*)$/su.exec(line) ?? [];
  if (name === undefined || encoded === undefined) {
    throw new ParseError('signature line', '— name base64(id || signature)', quote(line));
  }
  if (!isKeyName(name)) {
    throw new ParseError('key name', 'no spaces, controls and +', quote(name));
  }
  const bytes = fromBase64(encoded);
  if (bytes === undefined || bytes.length <= KEY_ID_BYTES) {
    throw new ParseError(
      'signature line',
      "Base 64 of more than the four bytes of the key's id",
      quote(line),
    );
  }
  return { name, id: hex(bytes.subarray(0, KEY_ID_BYTES)), signature: bytes.subarray(KEY_ID_BYTES) };
}

function isKeyName(name: string): boolean {
  return name !== '' && !/[\p{White_Space}+]/u.test(name) && !hasControl(name);
}

/** The bytes of Base 64 in its one padded form; undefined where it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    return undefined;
  }
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return toBase64(bytes) === text ? bytes : undefined;
}

/** Base 64, padded. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/** What a key is known by in a note: 4 bytes, hexadecimal. */
export function noteKeyId(key: NoteKey): string {
  const hash = sha256(utf8(key.name), Uint8Array.of(0x0a, KINDS[key.kind]), key.publicKey);
  return hex(hash.subarray(0, KEY_ID_BYTES));
}

/** @throws ParseError where the text of a note is no checkpoint. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) {
    throw new ParseError('checkpoint', 'lines that each end in a newline', quote(text));
  }
  const [origin = '', size = '', root = '', ...others] = text.slice(0, -1).split('\n');
  if (origin === '') {
    throw new ParseError('checkpoint: origin', 'a name', 'an empty line');
  }
  if (!/^(?:0|[1-9][0-9]{0,19})$/.test(size) || BigInt(size) >= 2n ** 64n) {
    throw new ParseError('checkpoint: size', 'a decimal below 2^64 without leading zeros', quote(size));
  }
  const hash = fromBase64(root);
  if (hash === undefined || hash.length !== 32) {
    throw new ParseError('checkpoint: root', '32 bytes in Base 64', quote(root));
  }
  if (others.includes('')) {
    throw new ParseError('checkpoint: extension lines', 'none that is empty', 'an empty line');
  }
  return { origin, size: BigInt(size), root: hash };
}

/** The text of a checkpoint. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/**
 * Checks that a key signed a note: of several signatures of it, all.
 *
 * @returns when, of a cosigner; microseconds since 1970
 * @throws ParseError where there is no signature of the key, or one does not hold.
 */
export async function verifyNote(note: Note, key: NoteKey): Promise<{ timeUs: bigint | undefined }> {
  const id = noteKeyId(key);
  const lines = note.signatures.filter((line) => line.name === key.name && line.id === id);
  if (lines.length === 0) {
    throw new ParseError('signed note', `a signature of ${key.name}`, 'none');
  }
  let latest: bigint | undefined;
  for (const line of lines) {
    const timeUs = await verifyLine(note.text, line, key);
    latest = latest === undefined || (timeUs !== undefined && timeUs > latest) ? timeUs : latest;
  }
  return { timeUs: latest };
}

async function verifyLine(text: string, line: SignatureLine, key: NoteKey): Promise<bigint | undefined> {
  const seconds = key.kind === 'cosigner' ? timeOf(line.signature) : undefined;
  const signature = seconds === undefined ? line.signature : line.signature.subarray(TIME_BYTES);
  const isTimed = (key.kind === 'cosigner') === (seconds !== undefined);
  const message = seconds === undefined ? text : `cosignature/v1\ntime ${seconds}\n${text}`;
  if (!isTimed || !(await holds(key, utf8(message), signature))) {
    throw new ParseError('signed note', `a signature that ${key.name} made`, 'one that it did not make');
  }
  return seconds === undefined ? undefined : seconds * US_PER_S;
}

function timeOf(signature: Uint8Array): bigint | undefined {
  if (signature.length < TIME_BYTES) {
    return undefined;
  }
  const seconds = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  return seconds * US_PER_S < 2n ** 63n ? seconds : undefined;
}

async function holds(key: NoteKey, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return await VerifyingKey.parse(key.publicKey).verify(message, signature);
  } catch (cause) {
    if (cause instanceof KeyError) {
      return false;
    }
    throw cause;
  }
}

/**
 * The checkpoint in a note, where the log's key signed it.
 *
 * @throws ParseError where it is none, of another log, or not signed by the key.
 */
export async function checkpointOf(note: Note, log: NoteKey): Promise<Checkpoint> {
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== log.name) {
    throw new ParseError('checkpoint', `one of ${log.name}`, `one of ${quote(checkpoint.origin)}`);
  }
  await verifyNote(note, log);
  return checkpoint;
}

/** The line that a key adds under a note. */
export async function signNote(
  text: string,
  key: NoteKey,
  sign: (message: Uint8Array) => Promise<Uint8Array>,
  seconds = 0n,
): Promise<string> {
  const id = fromHex(noteKeyId(key));
  if (key.kind === 'log') {
    return `— ${key.name} ${toBase64(concat(id, await sign(utf8(text))))}\n`;
  }
  const time = new Uint8Array(TIME_BYTES);
  new DataView(time.buffer).setBigUint64(0, seconds);
  const signature = await sign(utf8(`cosignature/v1\ntime ${seconds}\n${text}`));
  return `— ${key.name} ${toBase64(concat(id, time, signature))}\n`;
}

/** Whether two say the same of a log. */
export function isSameTree(one: Known, other: Known): boolean {
  return one.size === other.size && compare(one.root, other.root) === 0;
}
