// Cities of real processes, and a real browser, for the tests of everything that is written in TypeScript.

export { browser, closeBrowser, openPage, type Watched, watch } from './browser.js';
export { City, type CityOptions, type Description, type EnrolOptions } from './city.js';
export { type CommandOptions, run, type Said, sekisho, sekishoSucceeds } from './command.js';
export { DatagramRelay } from './datagram_relay.js';
export { Feed, Member, type Sample, type Scope, type Values } from './member.js';
export { eventually, PATIENCE_MS, within } from './patience.js';
export { linked, peer, permitted } from './peering.js';
export { claimPort } from './port.js';
export { Process } from './process.js';
export { program, ROOT } from './program.js';
export { Relay } from './relay.js';
