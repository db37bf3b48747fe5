// A process that goes on: a node or a steward, whose first line says that it is ready, and whose log is kept.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { type CommandOptions, placed } from './command.js';
import { within } from './patience.js';

/** How much of a log a failure shows, characters. */
const SHOWN_MAX = 4_000;

const running = new Set<ChildProcess>();

// Vitest ends its workers without asking: nothing of a test outlives it.
process.once('exit', () => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
});

/** A child that runs until it is told to end. */
export class Process {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #ended: Promise<number | null>;
  readonly #first: Promise<string>;
  #output = '';

  private constructor(name: string, child: ChildProcess, log: string) {
    this.name = name;
    this.#child = child;
    this.#log = log;
    running.add(child);
    this.#ended = new Promise((told) => {
      child.once('exit', (code) => {
        running.delete(child);
        told(code);
      });
      child.once('error', () => told(null));
    });
    this.#first = this.#firstLine();
  }

  /** Starts a command; its standard error goes to the file `log`, behind what is there. */
  static start(
    name: string,
    command: string,
    args: readonly string[],
    log: string,
    options: CommandOptions = {},
  ): Process {
    const file = openSync(log, 'a');
    const child = spawn(command, args, { ...placed(options), stdio: ['pipe', 'pipe', file] });
    closeSync(file);
    return new Process(name, child, log);
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it still runs. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * The first line that it prints, by which it says that it is ready.
   *
   * @throws Error with its log, where it ends before that.
   */
  async ready(): Promise<string> {
    const gone = this.#ended.then((code) => {
      throw new Error(`${this.name}: wanted it to be ready, found exit code ${code}:\n${this.log()}`);
    });
    return await within(`${this.name} to be ready`, Promise.race([this.#first, gone]));
  }

  /** Gives it a line on its standard input. */
  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Ends its standard input, and waits until it has ended. */
  async finish(): Promise<number | null> {
    this.#child.stdin?.end();
    return await within(`${this.name} to end`, this.#ended);
  }

  /** Ends it as a service manager does; gives its exit code. */
  async stop(): Promise<number | null> {
    return await this.#end('SIGTERM');
  }

  /** Ends it as Ctrl-C does; gives its exit code. */
  async interrupt(): Promise<number | null> {
    return await this.#end('SIGINT');
  }

  /** Ends it where it stands, as a power cut does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return await within(`${this.name} to end`, this.#ended);
  }

  /** What it printed so far. */
  get output(): string {
    return this.#output;
  }

  /** The end of what it logged. */
  log(): string {
    return readFileSync(this.#log, 'utf8').slice(-SHOWN_MAX);
  }

  /** Resolves with the first line; everything is kept. */
  #firstLine(): Promise<string> {
    const { stdout } = this.#child;
    return new Promise((told) => {
      if (stdout !== null) {
        createInterface({ input: stdout }).on('line', (line) => {
          this.#output += `${line}\n`;
          told(line);
        });
      }
    });
  }
}
