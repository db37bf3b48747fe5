// A command that runs to its end, as in a shell.

import { spawn } from 'node:child_process';

import { within } from './patience.js';
import { program } from './program.js';

/** What a command left behind. */
export interface Said {
  /** Its exit code; `null` where a signal ended it. */
  readonly code: number | null;
  /** Its standard output. */
  readonly output: string;
  /** Its standard error. */
  readonly error: string;
}

/** Where and how a command runs. */
export interface CommandOptions {
  /** What it reads; nothing where it is left out. */
  readonly input?: string;
  /** The folder it runs in; this process's where it is left out. */
  readonly folder?: string;
  /** Variables of its environment beside this process's. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs `sekisho` to its end, whatever that is. */
export function sekisho(args: readonly string[], options: CommandOptions = {}): Promise<Said> {
  return run(program(), args, options);
}

/**
 * Runs `sekisho` and gives what it printed.
 *
 * @throws Error where it did not end with 0, with everything that it said.
 */
export async function sekishoSucceeds(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const said = await sekisho(args, options);
  if (said.code !== 0) {
    const words = `${said.output}${said.error}`.trim();
    throw new Error(`sekisho ${args.join(' ')}: wanted success, found exit code ${said.code}: ${words}`);
  }
  return said.output;
}

/** How Node.js is told where something runs. */
export function placed(options: CommandOptions): { cwd?: string; env?: NodeJS.ProcessEnv } {
  const { folder, environment } = options;
  return {
    ...(folder === undefined ? {} : { cwd: folder }),
    ...(environment === undefined ? {} : { env: { ...process.env, ...environment } }),
  };
}

/** Runs any command to its end. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Said> {
  const child = spawn(command, args, { ...placed(options), stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  let error = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    error += text;
  });
  // Whoever does not read its input may be gone by now.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const ended = new Promise<Said>((told, failed) => {
    child.once('error', failed);
    child.once('close', (code) => told({ code, output, error }));
  });
  const words = `${command} ${args.join(' ')}`;
  return within(`an end of ${words}`, ended).catch((fault: unknown) => {
    child.kill('SIGKILL');
    throw fault;
  });
}
