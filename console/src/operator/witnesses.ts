// The keys of those who cosign this organisation's log: the nodes of its peers. A node that lies could put
// any contract into its log, so a key counts only where the signatures of both organisations under the
// contract lead back to roots: ours, which is pinned, and theirs, which the contract names.

import { type Client, Directory, encodeStatement, type LogLine } from '@sekisho/client';

/** Statements that a contract may hang on. */
const SPEAKING: ReadonlySet<string> = new Set(['org-root', 'issuer', 'peering', 'revoke']);
/** Pages of a peer's log that are read at most. */
const PAGES_MAX = 1_000;
/** How long the node may take for the next page of a peer's log. */
const PAGE_MS = 10_000;

/** See the file. */
export class Witnesses {
  readonly #client: Client;
  readonly #organisation: string;
  readonly #root: string;
  readonly #own: Uint8Array[] = [];
  readonly #peers = new Set<string>();
  #known: { of: number; directory: Promise<Directory> } | undefined;

  constructor(client: Client, organisation: string, root: string) {
    this.#client = client;
    this.#organisation = organisation;
    this.#root = root;
  }

  /** Takes in an entry of the control log as it is read. */
  take(line: LogLine): void {
    const { body } = line.statement;
    if (!SPEAKING.has(body.kind)) return;
    this.#own.push(line.bytes);
    if (body.kind !== 'peering') return;
    for (const { organisation } of body.parties) {
      if (organisation !== this.#organisation) this.#peers.add(organisation);
    }
  }

  /** The key of a peer's node, by a contract in force that both have signed; undefined where none is proven. */
  async keyOf(organisation: string): Promise<Uint8Array | undefined> {
    if (!this.#peers.has(organisation)) return undefined;
    if (this.#known?.of !== this.#own.length) {
      this.#known = { of: this.#own.length, directory: this.#learn() };
    }
    const directory = await this.#known.directory;
    return directory.peerNodeKey(organisation, BigInt(Math.round(this.#client.now() * 1000)));
  }

  async #learn(): Promise<Directory> {
    const directory = new Directory(this.#organisation, this.#root);
    const theirs = await Promise.all([...this.#peers].map((peer) => this.#speakers(peer)));
    await directory.learn([...this.#own, ...theirs.flat()]);
    return directory;
  }

  /** Who speaks for a peer, by its own log. A former peer's log is not ours to read any more. */
  async #speakers(peer: string): Promise<Uint8Array[]> {
    const found: Uint8Array[] = [];
    const over = AbortSignal.timeout(PAGE_MS);
    try {
      let pages = 0;
      for await (const page of this.#client.statements(peer, { from: 0, signal: over })) {
        const speaking = page.filter(({ statement }) => SPEAKING.has(statement.kind));
        found.push(...speaking.map(({ statement }) => encodeStatement(statement)));
        pages += 1;
        // Once, an empty page says that all has been told.
        if (page.length === 0 || pages >= PAGES_MAX) break;
      }
    } catch {
      // What is not proven does not count; nothing else depends on it.
    }
    return found;
  }
}
