// The state that decisions are made from: every organisation's log as far as it is known here, who is behind a
// key, and which contracts lie between organisations.

import { filterMatches, filtersOverlap } from '../filter.js';
import type { PeeringParty, Transit } from '../statement/body.js';
import { organisationOf } from '../topic.js';
import type { Organisation, PeeringFact, PrincipalRecord } from './facts.js';
import { Missing, StatementError } from './statement_error.js';
import type { View } from './view.js';
import { END_OF_TIME, hasPassed, hasReached, live } from './view.js';

/** The contract by which an organisation is known here. */
export interface Way {
  readonly contract: PeeringFact;
  /** What its other party passes on of the organisation; undefined where it is the organisation. */
  readonly transit: Transit | undefined;
  /** The contract of the organisation with the one that passes it on, where it is known here. */
  readonly origin: PeeringFact | undefined;
}

/** See the file. */
export class Policy {
  readonly organisations = new Map<string, Organisation>();
  /** Whose logs name a key, in the order in which they were heard of. */
  readonly namers = new Map<string, string[]>();
  /** The fingerprints of the roots that are trusted. */
  readonly pins = new Map<string, string>();
  /** The own organisation's peerings by the other one, oldest first. */
  readonly peerings = new Map<string, PeeringFact[]>();
  /** By organisation, the peers that a contract ever had pass it on. */
  readonly transits = new Map<string, Set<string>>();

  constructor(
    /** The organisation that it decides for. */
    readonly own: string,
    root: string,
  ) {
    this.pins.set(own, root);
  }

  /** The organisation, where its root is trusted. */
  trusted(name: string): Organisation | undefined {
    const known = this.organisations.get(name);
    return known?.isPinned === true ? known : undefined;
  }

  /** @throws StatementError where another root is trusted already. */
  checkPin(organisation: string, root: string): void {
    const wanted = this.pins.get(organisation);
    if (wanted !== undefined && wanted !== root) {
      throw new StatementError(`root of ${organisation}`, wanted, root);
    }
  }

  /** Trusts another organisation's root. */
  pin(organisation: string, root: string): void {
    this.checkPin(organisation, root);
    this.pins.set(organisation, root);
    const known = this.organisations.get(organisation);
    if (known?.root.fingerprint === root) {
      known.isPinned = true;
    } else if (known !== undefined) {
      this.organisations.delete(organisation);
    }
  }

  /** What is said about a key, and by which organisation; the own one's word comes first. */
  record(id: string): { home: Organisation; record: PrincipalRecord } | undefined {
    for (const name of [this.own, ...(this.namers.get(id) ?? [])]) {
      const home = this.trusted(name);
      const record = home?.principal(id);
      if (home !== undefined && record !== undefined) {
        return { home, record };
      }
    }
    return undefined;
  }

  /**
   * The principal behind a key, where it may act at all: enrolled, not run out, not revoked by its organisation
   * or by the own one, and of a foreign organisation only under a contract in force.
   *
   * @throws Missing the first of these that is missing.
   */
  standing(view: View, id: string): PrincipalRecord {
    const found = this.record(id);
    if (found === undefined) {
      throw new Missing('no statement names the key');
    }
    const { home, record } = found;
    inForceAtHome(view, home, record);
    if (home.name !== this.own) {
      if (this.trusted(this.own)?.isKeyRevoked(view, id) === true) {
        throw new Missing(`${this.own} revoked ${record.name.text}`);
      }
      this.way(view, home.name);
    }
    return record;
  }

  /** The contract with an organisation that is in force: the newest that has begun, and no other. */
  peering(view: View, organisation: string): PeeringFact | undefined {
    return this.inForce(view, this.peerings.get(organisation));
  }

  private inForce(view: View, all: readonly PeeringFact[] | undefined): PeeringFact | undefined {
    const begun = (all ?? []).filter((fact) => hasReached(view, fact.from)).at(-1);
    const isOver = begun === undefined || hasPassed(view, begun.until) || this.isEnded(view, begun);
    return isOver ? undefined : begun;
  }

  /** Whether a contract was revoked by either party. */
  isEnded(view: View, peering: PeeringFact): boolean {
    return [peering.ours, peering.theirs].some((party) => {
      return this.organisations.get(party.organisation)?.isRevoked(view, peering.id) === true;
    });
  }

  /**
   * The way from another organisation to the own one.
   *
   * @throws Missing where no contract in force brings anything.
   */
  way(view: View, organisation: string): Way {
    const contract = this.peering(view, organisation);
    if (contract !== undefined) {
      return { contract, transit: undefined, origin: undefined };
    }
    for (const via of [...(this.transits.get(organisation) ?? [])].sort()) {
      const way = this.wayThrough(view, organisation, via);
      if (way !== undefined) {
        return way;
      }
    }
    throw new Missing(`no peering of ${this.own} with ${organisation} is in force`);
  }

  private wayThrough(view: View, organisation: string, via: string): Way | undefined {
    const contract = this.peering(view, via);
    const transit = contract === undefined ? undefined : this.passedOn(contract.theirs, organisation);
    if (contract === undefined || transit === undefined) {
      return undefined;
    }
    const known = this.trusted(organisation)?.peerings.get(via);
    if (known === undefined || known.length === 0) {
      return { contract, transit, origin: undefined };
    }
    // There was a contract of the two: where none is in force, nothing comes through.
    const origin = this.inForce(view, known);
    return origin === undefined ? undefined : { contract, transit, origin };
  }

  /** What a party of a contract passes on of an organisation. */
  private passedOn(party: PeeringParty, organisation: string): Transit | undefined {
    const root = this.pins.get(organisation);
    return party.passesOn.find((transit) => transit.organisation === organisation && transit.root === root);
  }

  /**
   * Whether the contracts let somebody of an organisation publish on a topic.
   *
   * @throws Missing what they lack.
   */
  crossPublishing(view: View, topic: string, publisher: string): void {
    const owner = organisationOf(topic);
    if (owner === this.own) {
      if (publisher !== this.own) {
        this.way(view, publisher);
      }
      return;
    }
    const { contract, transit, origin } = this.way(view, owner);
    if (transit === undefined) {
      covers(contract, owner, topic);
      return;
    }
    if (origin !== undefined) {
      covers(origin, owner, topic);
      if (!exporterOf(origin, owner).onward) {
        throw new Missing(`what ${owner} exports may not travel on`);
      }
    }
    if (!transit.filters.some((filter) => filterMatches(filter, topic))) {
      throw new Missing(`${contract.theirs.organisation} does not pass ${topic} on`);
    }
  }

  /**
   * The key of another organisation's node: as the newest contract with it names it, or, where a peer passes its
   * log on, as that log names it.
   */
  nodeKeyOf(organisation: string, nowUs: bigint): Uint8Array | undefined {
    const isPassedOn = this.isPassedOn(organisation, nowUs);
    if (isPassedOn) {
      return this.nodeOf(organisation)?.publicKey;
    }
    const newest = this.peerings.get(organisation)?.at(-1);
    const isOver = newest === undefined || this.isEnded(live(END_OF_TIME), newest);
    return isOver ? undefined : newest.theirs.nodeKey;
  }

  private isPassedOn(organisation: string, nowUs: bigint): boolean {
    try {
      return this.way(live(nowUs), organisation).transit !== undefined;
    } catch (cause) {
      if (cause instanceof Missing) {
        return false;
      }
      throw cause;
    }
  }

  /** The newest node of an organisation that its log names and has not revoked. */
  private nodeOf(organisation: string): PrincipalRecord | undefined {
    const records = [...(this.trusted(organisation)?.principals.values() ?? [])].flatMap((all) =>
      all.slice(-1),
    );
    const nodes = records.filter((record) => record.kind === 'node' && record.revoked === undefined);
    const isNewer = (one: PrincipalRecord, other: PrincipalRecord): boolean =>
      one.received > other.received || (one.received === other.received && one.id > other.id);
    return nodes.sort((one, other) => (isNewer(one, other) ? -1 : 1))[0];
  }
}

/** @throws Missing where a principal's own organisation does not stand by it. */
export function inForceAtHome(view: View, home: Organisation, record: PrincipalRecord): void {
  if (home.isKeyRevoked(view, record.id)) {
    throw new Missing(`${home.name} revoked ${record.name.text}`);
  }
  if (hasPassed(view, record.until)) {
    throw new Missing(`${record.name.text} has run out`);
  }
}

function exporterOf(contract: PeeringFact, owner: string): PeeringParty {
  return owner === contract.ours.organisation ? contract.ours : contract.theirs;
}

/** Whether the owner, one of both parties, offers a topic and the other takes it. */
function covers(contract: PeeringFact, owner: string, topic: string): void {
  const exporter = exporterOf(contract, owner);
  const importer = exporter === contract.ours ? contract.theirs : contract.ours;
  const exports = exporter.exports.filter((filter) => filterMatches(filter, topic));
  const imports = importer.imports.filter((filter) => filterMatches(filter, topic));
  if (!exports.some((one) => imports.some((other) => filtersOverlap(one, other)))) {
    throw new Missing(`${owner} does not export ${topic}, or ${importer.organisation} does not import it`);
  }
}
