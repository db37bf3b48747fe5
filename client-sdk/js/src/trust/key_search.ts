// Gets an epoch's key to a reader: which tree the topic was sealed with, whether a steward granted the key to
// us, the owner's or one of our own organisation that handed it on, and getting it out. A key header names an
// epoch's number and not its tree, and trees may overlap or be replaced: a key is the right one where it opens
// what the publisher committed to. It counts only where the statement that gives it is in the log for
// everybody to see: software that asks for this cannot be given keys in secret.

import { fromHex } from '../bytes.js';
import { DecodeError } from '../decode_error.js';
import type { KeyHeader } from '../key_header.js';
import { decodeKeyHeader, keyHeaderSigningInput } from '../key_header.js';
import { logName } from '../log_name.js';
import { SealError } from '../seal/kem.js';
import { openKeyGrant } from '../seal/key_grant.js';
import { Opener } from '../seal/opener.js';
import type { EpochAnnounce, KeyGrant } from '../statement/body.js';
import type { Asker } from './asker.js';
import { BodyError } from './body_error.js';
import type { Publisher } from './directory.js';
import { TrustError } from './error.js';
import type { KeySource } from './key_ring.js';
import { askOrNothing, type VerifierParts } from './verifier.js';

/** What envelopes of a stream name, and who signed it. */
export interface WantedKey {
  /** The key header's id. */
  readonly id: string;
  /** The key header, where the record brought it; else empty. */
  readonly sent: Uint8Array;
  readonly publisher: Publisher;
}

/** What opens a stream's envelopes, asking the node for what is missing; or why there is nothing. */
export async function findKey(
  parts: VerifierParts,
  wanted: WantedKey,
  asker: Asker,
): Promise<KeySource | BodyError> {
  const keyHeader = await findKeyHeader(wanted, asker);
  return keyHeader instanceof BodyError ? keyHeader : new Search(parts, keyHeader, asker).run();
}

async function findKeyHeader(wanted: WantedKey, asker: Asker): Promise<KeyHeader | BodyError> {
  const { id, publisher } = wanted;
  let encoded: Uint8Array | undefined = wanted.sent;
  if (encoded.length === 0) {
    const answer = await askOrNothing(asker, { case: 'keyHeader', value: fromHex(id) });
    encoded = answer?.case === 'keyHeader' ? answer.value : undefined;
  }
  const none = new BodyError('no-key-header', `body: wanted key header ${id}, found none`);
  if (encoded === undefined) {
    return none;
  }
  let keyHeader: KeyHeader;
  try {
    keyHeader = decodeKeyHeader(encoded);
  } catch (cause) {
    if (cause instanceof DecodeError) {
      return new BodyError('key-header', 'body: wanted a key header', { cause });
    }
    throw cause;
  }
  if (keyHeader.id !== id) {
    return none;
  }
  const isIts = keyHeader.content.publisher === publisher.id;
  const input = keyHeaderSigningInput(keyHeader.contentBytes);
  if (!isIts || !(await publisher.key.verify(input, keyHeader.signature))) {
    return new BodyError('key-header-signature', `body: wanted a key header signed by ${publisher.name}`);
  }
  return keyHeader;
}

/** Every tree of which a topic may be a part: the topic alone, and what begins as it does. */
function treesOf(topic: string): string[] {
  const levels = topic.split('/');
  const wider = levels.map((_, at) => `${levels.slice(0, levels.length - at).join('/')}/#`);
  return [topic, ...wider];
}

/** See the file. */
class Search {
  private readonly asked = new Set<string>();
  private found: KeySource | BodyError;
  private readonly topic: string;
  private readonly epoch: bigint;

  constructor(
    private readonly parts: VerifierParts,
    private readonly keyHeader: KeyHeader,
    private readonly asker: Asker,
  ) {
    this.topic = keyHeader.content.topic;
    this.epoch = keyHeader.content.epoch;
    const wanted = `body on ${this.topic}: wanted a key grant for epoch ${this.epoch}, found none`;
    this.found = new BodyError('no-key', wanted);
  }

  async run(): Promise<KeySource | BodyError> {
    const held = await this.held();
    if (held !== undefined) {
      return held;
    }
    const likely = this.announced() ?? (await this.announcedNow());
    if (likely !== undefined && (await this.ask(likely.tree))) {
      return this.found;
    }
    // Sealed to an epoch of the past, or what we know of the present one is out of date.
    const present = await this.announcedNow();
    const isWrong = this.found instanceof BodyError && this.found.fault === 'open';
    const earlier = present?.epoch === this.epoch && !isWrong ? [] : treesOf(this.topic);
    for (const tree of present === undefined ? earlier : [present.tree, ...earlier]) {
      if (await this.ask(tree)) {
        break;
      }
    }
    return this.found;
  }

  /** By keys that were granted before. */
  private async held(): Promise<KeySource | undefined> {
    for (const { keys, ...source } of this.parts.keyRing.of(this.topic, this.epoch)) {
      try {
        return { ...source, opener: await Opener.create(this.keyHeader, keys) };
      } catch (cause) {
        if (!(cause instanceof SealError)) {
          throw cause;
        }
      }
    }
    return undefined;
  }

  private announced(): EpochAnnounce | undefined {
    return this.parts.directory.epochOf(this.topic, this.parts.now());
  }

  /** The epoch the topic is sealed to now, as the node can prove: it names the tree. */
  private async announcedNow(): Promise<EpochAnnounce | undefined> {
    await this.learn({ case: 'epochOf', value: this.topic });
    return this.announced();
  }

  private async learn(question: Parameters<Asker['query']>[0]): Promise<void> {
    const answer = await askOrNothing(this.asker, question);
    if (answer?.case === 'statements') {
      await this.parts.directory.learn(answer.value.statements);
    }
  }

  /** Looks for a key of the epoch in one tree, unless that was asked for before. Whether it was found. */
  private async ask(tree: string): Promise<boolean> {
    if (this.asked.has(tree)) {
      return false;
    }
    this.asked.add(tree);
    const { epoch } = this;
    const { directory, identity } = this.parts;
    await this.learn({ case: 'keyGrants', value: { tree, epoch } });
    const announced = this.announced();
    const announce = announced?.epoch === epoch && announced.tree === tree ? announced : undefined;
    for (const { id, grant } of directory.keyGrants(identity.id, tree, epoch).reverse()) {
      this.found = await this.use(id, grant, announce);
      if (!(this.found instanceof BodyError)) {
        return true;
      }
    }
    return false;
  }

  private async use(
    id: string,
    grant: KeyGrant,
    announce: EpochAnnounce | undefined,
  ): Promise<KeySource | BodyError> {
    const source = { purpose: grant.purpose, tree: grant.tree, epoch: grant.epoch, statement: id };
    try {
      const keys = await openKeyGrant(this.parts.identity, grant, announce);
      const opener = await openerOf(this.keyHeader, keys);
      if (opener instanceof BodyError) {
        return opener;
      }
      const fault = await this.logFault(id, grant);
      if (fault !== undefined) {
        return fault;
      }
      this.parts.keyRing.insert({ ...source, keys });
      return { ...source, opener };
    } catch (cause) {
      if (cause instanceof SealError) {
        return new BodyError('grant', 'body: wanted a key grant that opens', { cause });
      }
      throw cause;
    }
  }

  /** Why a grant does not count: the control log of whoever gave the key does not hold the statement. */
  private async logFault(id: string, grant: KeyGrant): Promise<BodyError | undefined> {
    const { logs, directory, now } = this.parts;
    const log = logName(grant.organisation, 'control').text;
    try {
      const nodeKey =
        log === logs.own.log ? logs.own.nodeKey : directory.peerNodeKey(grant.organisation, now());
      if (nodeKey === undefined) {
        throw new TrustError(
          log,
          'unknown-log',
          'wanted the key of its node, found no peering that names it',
        );
      }
      await logs.includes({ log, nodeKey }, id, this.asker);
      return undefined;
    } catch (cause) {
      if (cause instanceof TrustError) {
        return new BodyError('not-logged', 'body: wanted a key grant that is in the control log', { cause });
      }
      throw cause;
    }
  }
}

async function openerOf(
  keyHeader: KeyHeader,
  keys: Parameters<typeof Opener.create>[1],
): Promise<Opener | BodyError> {
  try {
    return await Opener.create(keyHeader, keys);
  } catch (cause) {
    if (cause instanceof SealError) {
      return new BodyError('open', "body: wanted one that the epoch's key opens", { cause });
    }
    throw cause;
  }
}
