// Two cities under contract, by the letters that their administrators exchange.

import { writeFileSync } from 'node:fs';

import type { City } from './city.js';
import { eventually } from './patience.js';

/**
 * Signs a peering by which `exporter` offers topics to `importer`, and waits until the link is up.
 *
 * @param exports filters of the exporter's topics; default all of them.
 * @param address where the importer dials the exporter's node; default where that listens.
 */
export async function peer(
  exporter: City,
  importer: City,
  exports: string | readonly string[] = `${exporter.name}/#`,
  address: string = exporter.node,
): Promise<void> {
  const filters = typeof exports === 'string' ? [exports] : exports;
  const offered = filters.flatMap((filter) => ['--export', filter]);
  const letter = (name: string, text: string): string => {
    const path = exporter.place(`${name}-${importer.name}.letter`);
    writeFileSync(path, text);
    return path;
  };
  const terms = ['--purpose', 'air-quality', '--address', address, ...offered];
  const invite = ['peer', 'invite', '--to', importer.name, ...terms];
  const invitation = letter('invitation', await exporter.run(invite));
  const acceptance = letter('acceptance', await importer.run(['peer', 'accept', invitation]));
  const contract = letter('contract', await exporter.run(['peer', 'accept', acceptance]));
  await importer.run(['peer', 'accept', contract]);
  await linked(exporter, importer);
}

/** Waits until `importer` has its link to `exporter`. */
export async function linked(exporter: City, importer: City): Promise<void> {
  const name = `sekisho_link_up{peer="${exporter.name}"}`;
  await eventually(
    `the link of ${importer.name} to ${exporter.name}`,
    async () => (await importer.metric(name)) > 0,
  );
}

/** Waits until the city's node would permit somebody something: statements take their time over a link. */
export async function permitted(city: City, who: string, action: string, topic: string): Promise<void> {
  await eventually(`${who}'s right to ${action} ${topic} at ${city.name}`, async () => {
    const said = await city.sekisho(['why', who, action, topic]);
    return said.code === 0;
  });
}
