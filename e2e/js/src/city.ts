// A city: an organisation's folder, its node and its steward, each a process of its own on ports that no other
// test has.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type CommandOptions, type Said, sekisho, sekishoSucceeds } from './command.js';
import { Member, type Sample, type Values } from './member.js';
import { claimPort } from './port.js';
import { Process } from './process.js';
import { program } from './program.js';

/** What a city is made with. */
export interface CityOptions {
  /** Whether its node serves its pages and its session over HTTP on loopback; default `false`. */
  readonly web?: boolean;
  /** The port of its pages, as from another node before; default one that is free. */
  readonly webPort?: number;
  /** Further options of `sekisho serve`. */
  readonly serve?: readonly string[];
  /** The command that its node and steward are; default that under test. */
  readonly program?: string;
}

/** What is enrolled. */
export interface EnrolOptions {
  /** Default `device`, or `app` where it reads and publishes nothing. */
  readonly kind?: 'device' | 'person' | 'app' | 'bridge';
  /** Filters that it may publish to. */
  readonly topics?: readonly string[];
  /** Filters that it may read, live and history, and open. */
  readonly read?: readonly string[];
  /** Whether the token admits at once, or somebody has to say yes; default `true`. */
  readonly approveMatching?: boolean;
  /** Further options of `sekisho enrol`. */
  readonly more?: readonly string[];
}

/** What is said of a topic. */
export interface Description {
  /** The kind of device, such as `outdoor weather`. */
  readonly type?: string;
  readonly title?: string;
  /** Default `restricted`. */
  readonly class?: 'open' | 'restricted' | 'personal';
  /** Whether it moves; default `false`. */
  readonly mobile?: boolean;
  /** Where it stands, degrees north and east. */
  readonly location?: readonly [number, number];
  /** Units (UCUM) of its transducers by their names. */
  readonly transducers?: Readonly<Record<string, string>>;
}

/** One organisation on this machine. */
export class City {
  /** Its short name, the first level of its topics. */
  readonly name: string;
  /** The folder that `init` made. */
  readonly dir: string;
  /** Where members' folders, letters and anything else of a test may be put; removed with the city. */
  readonly folder: string;
  /** Where clients and peers connect, `127.0.0.1:PORT` of QUIC. */
  readonly node: string;
  /** Where health and metrics are, `127.0.0.1:PORT`. */
  readonly http: string;
  readonly #options: CityOptions;
  readonly #webPort: number;
  #node: Process | undefined;
  #steward: Process | undefined;

  private constructor(name: string, options: CityOptions, ports: readonly [number, number, number]) {
    this.name = name;
    this.folder = mkdtempSync(join(tmpdir(), `sekisho-${name}-`));
    this.dir = join(this.folder, 'city');
    this.#options = options;
    this.node = `127.0.0.1:${ports[0]}`;
    this.http = `127.0.0.1:${ports[1]}`;
    this.#webPort = ports[2];
    process.once('exit', () => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** Makes the folder with `init`, and starts node and steward. */
  static async found(name: string, options: CityOptions = {}): Promise<City> {
    const city = await City.plan(name, options);
    await city.start();
    return city;
  }

  /** Makes the folder with `init`, and starts nothing. */
  static async plan(name: string, options: CityOptions = {}): Promise<City> {
    const ports = [await claimPort(), await claimPort(), options.webPort ?? (await claimPort())] as const;
    const city = new City(name, options, ports);
    const where = ['--listen', city.node, '--http', city.http];
    await city.run(['init', name, ...where, '--json']);
    return city;
  }

  /**
   * The address of its pages and of its session over WebSocket, such as `http://127.0.0.1:12345`.
   *
   * @throws Error where it was not made with `web`.
   */
  get web(): string {
    if (this.#options.web !== true) {
      throw new Error(`${this.name}: wanted a city with its pages, found one without: { web: true }`);
    }
    return `http://127.0.0.1:${this.#webPort}`;
  }

  /** Starts node and steward; resolves when both are at work. */
  async start(): Promise<void> {
    await this.startNode();
    await this.startSteward();
  }

  /** Starts the node; resolves when it serves. */
  async startNode(): Promise<void> {
    const web = this.#options.web === true ? ['--insecure-web', `127.0.0.1:${this.#webPort}`] : [];
    const args = ['serve', '--dir', this.dir, ...web, ...(this.#options.serve ?? [])];
    const node = this.#launch('serve', args);
    const said = await node.ready();
    if (!said.startsWith('serving on ')) {
      throw new Error(`${this.name}: wanted its node to say where it serves, found ${said}`);
    }
    this.#node = node;
  }

  /** Starts the steward; resolves when it is at work. */
  async startSteward(): Promise<void> {
    const steward = this.#launch('steward', ['steward', '--dir', this.dir]);
    await steward.ready();
    this.#steward = steward;
  }

  #launch(command: string, args: readonly string[]): Process {
    const started = this.#options.program ?? program();
    return Process.start(`${command} of ${this.name}`, started, args, this.#logOf(command));
  }

  /** Ends what runs, as a service manager does; `start()` starts it again. */
  async stop(): Promise<void> {
    await this.stopSteward();
    await this.stopNode();
  }

  /** Ends the steward as a service manager does. */
  async stopSteward(): Promise<void> {
    await this.#steward?.stop();
    this.#steward = undefined;
  }

  /** Ends the node as a service manager does. */
  async stopNode(): Promise<void> {
    await this.#node?.stop();
    this.#node = undefined;
  }

  /** Ends the node where it stands, as a power cut does. */
  async kill(): Promise<void> {
    await this.#node?.kill();
    this.#node = undefined;
  }

  /** Ends what runs and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A path for anything of a test. */
  place(name: string): string {
    return join(this.folder, name);
  }

  /** The end of what its node logged, over all its runs. */
  log(): string {
    return readFileSync(this.#logOf('serve'), 'utf8');
  }

  /** What its page of health and metrics answers under a path. */
  async page(path: string): Promise<string> {
    const answer = await fetch(`http://${this.http}${path}`);
    return await answer.text();
  }

  /** A metric of the node, named with its labels; 0 where it was never counted. */
  async metric(name: string): Promise<number> {
    const text = await this.page('/metrics');
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length));
  }

  /** Runs `sekisho` on its folder, which makes it the administrator's, to whatever end. */
  async sekisho(args: readonly string[], options: CommandOptions = {}): Promise<Said> {
    return await sekisho([...args, '--dir', this.dir], options);
  }

  /** As {@link sekisho}, where it must succeed; gives what was printed. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return await sekishoSucceeds([...args, '--dir', this.dir], options);
  }

  /** As {@link run} with `--json`, parsed. */
  async json(args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.run([...args, '--json']));
  }

  /** A one-time token for a name, which admits whoever brings it unless that is unwished. */
  async enrol(name: string, options: EnrolOptions = {}): Promise<string> {
    const reads = (options.topics ?? []).length === 0 && (options.read ?? []).length > 0;
    const kind = options.kind ?? (reads ? 'app' : 'device');
    const args = ['enrol', name, '--kind', kind, '--yes'];
    for (const topic of options.topics ?? []) {
      args.push('--topics', topic);
    }
    for (const filter of options.read ?? []) {
      args.push('--read', filter);
    }
    if (options.approveMatching !== false) {
      args.push('--approve-matching');
    }
    const answer = (await this.json([...args, ...(options.more ?? [])])) as { token: string };
    return answer.token;
  }

  /** Enrols a name, and joins as it: a folder with keys and a profile. */
  async member(name: string, options: EnrolOptions = {}): Promise<Member> {
    const token = await this.enrol(name, options);
    return await Member.join(`${name}@${this.name}`, token, this.place(name));
  }

  /** Its administrator, in the folder that `init` made. */
  administrator(): Member {
    return new Member(`administrator@${this.name}`, join(this.dir, 'administrator'));
  }

  /** Publishes one sample, or several, as a member; see {@link Member.publish}. */
  async publish(member: Member, topic: string, values: Values | readonly Sample[]): Promise<void> {
    await member.publish(topic, values);
  }

  /** Says what a topic is. */
  async describe(topic: string, description: Description): Promise<void> {
    const args = ['describe', topic, '--yes'];
    const options = {
      '--type': description.type,
      '--title': description.title,
      '--class': description.class,
    };
    for (const [option, value] of Object.entries(options)) {
      if (value !== undefined) {
        args.push(option, value);
      }
    }
    if (description.mobile === true) {
      args.push('--mobile');
    }
    if (description.location !== undefined) {
      args.push('--location', description.location.join(','));
    }
    for (const [name, unit] of Object.entries(description.transducers ?? {})) {
      args.push('--transducer', `${name}=${unit}`);
    }
    await this.run(args);
  }

  /** Grants actions, such as `subscribe,history,decrypt`, on topics to somebody, such as `viewer@santander`. */
  async grant(grantee: string, actions: string, filter: string, more: readonly string[] = []): Promise<void> {
    await this.run(['grant', grantee, actions, filter, '--yes', ...more]);
  }

  /** Forbids somebody something. */
  async deny(grantee: string, actions: string, filter: string): Promise<void> {
    await this.run(['deny', grantee, actions, filter, '--yes']);
  }

  /** Revokes somebody for good. */
  async revoke(principal: string): Promise<void> {
    await this.run(['revoke', principal, '--reason', 'tested', '--yes']);
  }

  #logOf(command: string): string {
    return join(this.folder, `${command}.log`);
  }
}
