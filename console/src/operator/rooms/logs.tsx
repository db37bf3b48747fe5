// The two logs: their entries in words, whether they are what they say, and proofs to take away.

import { useState } from 'preact/hooks';
import { Badge } from '../../parts/badge';
import { Command } from '../../parts/copy';
import { Notice } from '../../parts/notice';
import { count, dateTime } from '../../words/format';
import { sekisho } from '../command';
import type { CheckedLog, Desk, LogKind, Signer } from '../desk';
import { place } from '../state';
import { logWords } from '../words/log';
import { common } from '../words/shared';
import { AccessLog } from './access_log';
import { ControlLog } from './control_log';
import { Asking, Facts, Fault, Part, Parts, RoomHead } from './pieces';

/** The room. Of the access log only those see something who administer. */
export function Logs(props: { desk: Desk; isGuest: boolean }) {
  const [w, c] = [logWords(), common()];
  const isAccess = place.value.part === 'access' && !props.isGuest;
  const parts = [
    { name: 'control', title: w.control },
    ...(props.isGuest ? [] : [{ name: 'access', title: w.access }]),
  ];
  return (
    <>
      <RoomHead title={c.log} intro={isAccess ? w.accessIntro : w.controlIntro} />
      <Parts room="log" present={isAccess ? 'access' : 'control'} parts={parts} />
      <Check key={String(isAccess)} desk={props.desk} kind={isAccess ? 'access' : 'control'} />
      {isAccess ? <AccessLog desk={props.desk} /> : <ControlLog desk={props.desk} />}
    </>
  );
}

/** Verifies a log here and says what holds. */
function Check(props: { desk: Desk; kind: LogKind }) {
  const { desk, kind } = props;
  const [w, c] = [logWords(), common()];
  const [state, setState] = useState<{ isAsking?: boolean; fault?: unknown; found?: CheckedLog }>({});
  const check = () => {
    setState({ isAsking: true });
    desk.checkpoint(kind).then(
      (found) => setState({ found }),
      (fault) => setState({ fault }),
    );
  };
  const isLie = state.fault instanceof Error && state.fault.name === 'TrustError';
  return (
    <Part title={w.checkpoint} intro={w.checkpointIntro}>
      <div class="row">
        <button
          type="button"
          class="button button-primary"
          onClick={check}
          disabled={state.isAsking === true}
        >
          {w.verify}
        </button>
      </div>
      {state.isAsking === true ? <Asking text={w.verifying} /> : null}
      {state.fault === undefined ? null : (
        <>
          <Fault fault={state.fault} title={isLie ? w.doesNotHold : undefined} />
          {isLie ? <p>{w.lie}</p> : null}
        </>
      )}
      {state.found === undefined ? null : <Found found={state.found} />}
      <Command
        title={c.sameCommand}
        line={sekisho('log', 'checkpoint', ...(kind === 'access' ? ['--access'] : []))}
      />
    </Part>
  );
}

function Found(props: { found: CheckedLog }) {
  const w = logWords();
  const { found } = props;
  const log = found.signers.filter((one) => !one.name.endsWith('/node'));
  const witnesses = found.signers.filter((one) => one.name.endsWith('/node'));
  return (
    <div role="status" class="stack">
      <Notice title={w.holds(found.log)}>
        <p>{found.known === undefined ? w.firstSeen : w.grew(count(found.known))}</p>
      </Notice>
      <Facts
        facts={[
          [w.size, count(found.size)],
          [w.root, <span class="mono">{found.root}</span>],
          [w.signedBy, <Signers signers={log} />],
          [w.cosignedBy, witnesses.length === 0 ? w.noWitness : <Signers signers={witnesses} />],
        ]}
      />
      <details>
        <summary>{w.showNote}</summary>
        <pre class="note">{found.note}</pre>
      </details>
    </div>
  );
}

function Signers(props: { signers: Signer[] }) {
  const w = logWords();
  return (
    <ul class="signers">
      {props.signers.map((one) => (
        <li key={one.name} class="row">
          <span class="mono">{one.name}</span>
          {one.time === undefined ? null : <span class="dim">{dateTime(one.time)}</span>}
          <Badge tone={one.isVerified ? 'good' : 'warn'}>{one.isVerified ? w.verified : w.notVerified}</Badge>
        </li>
      ))}
    </ul>
  );
}
