// A person, device or app of a city, enrolled and joined by the command line: a folder with keys and a profile.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type CommandOptions, type Said, sekisho, sekishoSucceeds } from './command.js';
import { Process } from './process.js';
import { program } from './program.js';

/** One sample's values by their transducers' names. */
export type Values = Readonly<Record<string, number | string | boolean>>;

/** A sample with its own time. */
export interface Sample {
  /** When it was taken; RFC 3339. */
  readonly time: string;
  readonly values: Values;
}

/** How far what is published may travel. */
export type Scope = 'organisation' | 'federation';

/** Somebody with keys in a folder. */
export class Member {
  /** The name with its organisation, such as `truck-17@fujisawa`. */
  readonly name: string;
  /** The folder with its profile and keys. */
  readonly dir: string;

  constructor(name: string, dir: string) {
    this.name = name;
    this.dir = dir;
  }

  /** Joins with a token, into a new folder. */
  static async join(name: string, token: string, dir: string): Promise<Member> {
    await sekishoSucceeds(['join', '-', '--dir', dir], { input: token });
    return new Member(name, dir);
  }

  /** Its `profile.toml`. */
  get profile(): string {
    return readFileSync(join(this.dir, 'profile.toml'), 'utf8');
  }

  /** Runs `sekisho` as this member, to whatever end. */
  async sekisho(args: readonly string[], options: CommandOptions = {}): Promise<Said> {
    return await sekisho([...args, '--dir', this.dir], options);
  }

  /** As {@link sekisho}, where it must succeed; gives what was printed. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return await sekishoSucceeds([...args, '--dir', this.dir], options);
  }

  /**
   * Publishes one sample of now, or several with times of their own; resolves when they are acknowledged.
   *
   * @param scope default `federation`.
   */
  async publish(
    topic: string,
    values: Values | readonly Sample[],
    scope: Scope = 'federation',
  ): Promise<void> {
    const input = isSamples(values) ? values.map(lineOf).join('\n') : JSON.stringify(values);
    await this.run(['pub', topic, '--scope', scope], { input: `${input}\n` });
  }

  /** A publisher that goes on: each sample is sent when it is given. */
  feed(topic: string, scope: Scope = 'federation'): Feed {
    const args = ['pub', topic, '--scope', scope, '--dir', this.dir];
    const log = join(this.dir, 'feed.log');
    return new Feed(Process.start(`feed of ${this.name}`, program(), args, log));
  }
}

/** A running `sekisho pub` that reads samples. */
export class Feed {
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
  }

  /** Publishes a sample of now, or with a time of its own. */
  publish(values: Values, time?: string): void {
    this.#process.write(time === undefined ? JSON.stringify(values) : lineOf({ time, values }));
  }

  /** Ends it when everything is acknowledged. */
  async close(): Promise<void> {
    const code = await this.#process.finish();
    if (code !== 0) {
      throw new Error(
        `${this.#process.name}: wanted success, found exit code ${code}: ${this.#process.log()}`,
      );
    }
  }

  /** Ends it where it stands. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }
}

function isSamples(values: Values | readonly Sample[]): values is readonly Sample[] {
  return Array.isArray(values);
}

function lineOf(sample: Sample): string {
  return JSON.stringify({ time: sample.time, ...sample.values });
}
