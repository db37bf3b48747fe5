// What these nodes use of Node-RED's runtime, for the type checker.

import type { Connection } from './connection';

export interface Status {
  fill?: 'red' | 'green' | 'yellow' | 'blue' | 'grey';
  shape?: 'ring' | 'dot';
  text?: string;
}

export type Msg = Record<string, unknown>;

export interface Node {
  id: string;
  type: string;
  name?: string;
  credentials: Record<string, string | undefined>;
  connection?: Connection;
  status(status: Status | Record<string, never>): void;
  send(msgs: unknown): void;
  error(error: unknown, msg?: Msg): void;
  warn(text: string): void;
  log(text: string): void;
  on(
    event: 'input',
    listener: (msg: Msg, send: (msgs: unknown) => void, done: (error?: Error) => void) => void,
  ): void;
  on(event: 'close', listener: (removed: boolean, done: () => void) => void): void;
}

interface Request {
  params: Record<string, string>;
  query: Record<string, unknown>;
}

interface Response {
  status(code: number): Response;
  json(document: unknown): void;
}

type Handler = (request: Request, response: Response, next: () => void) => void;

export interface Red {
  nodes: {
    createNode(node: unknown, config: unknown): void;
    getNode(id: string): Node | undefined;
    registerType(type: string, node: unknown, options?: unknown): void;
  };
  settings: { userDir?: string; lang?: string };
  httpAdmin?: { get(path: string, ...handlers: Handler[]): void };
  auth: { needsPermission(permission: string): Handler };
  _(key: string): string;
}

export type Config<Fields> = Fields & { id: string; type: string; name?: string };
