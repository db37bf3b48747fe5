// How the node is: its answer to `status`.

import { doc, docs, figure, flag, text, texts, time } from './read';

/** A log's size and root. */
export interface LogFigure {
  size: number;
  root: string;
}

/** The node in a few figures. */
export interface Status {
  organisation: string;
  node: string;
  software: string;
  time?: number | undefined;
  ready: boolean;
  faults: string[];
  /** Statements in the control log; also the version of the policy. */
  statements: number;
  head: number;
  first: number;
  enrolmentsWaiting: number;
  stewards: string[];
  stewardsKnown: { name: string; isConnected: boolean }[];
  errandsWaiting: number;
  sessions?: number | undefined;
  control?: LogFigure | undefined;
  access?: LogFigure | undefined;
}

function logOf(value: unknown): LogFigure | undefined {
  const log = doc(value);
  const [size, root] = [figure(log.size), text(log.root)];
  return size === undefined || root === undefined ? undefined : { size, root };
}

/** Reads the answer. */
export function statusOf(value: unknown): Status {
  const status = doc(value);
  return {
    organisation: text(status.organisation) ?? '',
    node: text(status.node) ?? '',
    software: text(status.software) ?? '',
    time: time(status.time),
    ready: flag(status.ready),
    faults: texts(status.faults),
    statements: figure(status.statements) ?? 0,
    head: figure(status.head) ?? 0,
    first: figure(status.first) ?? 0,
    enrolmentsWaiting: figure(status.enrolments_waiting) ?? 0,
    stewards: texts(status.stewards),
    stewardsKnown: docs(status.stewards_known).flatMap((one) => {
      const name = text(one.name);
      return name === undefined ? [] : [{ name, isConnected: flag(one.connected) }];
    }),
    errandsWaiting: figure(status.errands_waiting) ?? 0,
    sessions: figure(status.sessions),
    control: logOf(status.control_log),
    access: logOf(status.access_log),
  };
}
