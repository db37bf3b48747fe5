// Who signed what is shown, and by which grant the viewer can see it.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Badge } from '../../parts/badge';
import { Notice } from '../../parts/notice';
import type { Provenance } from '../feed/protocol';
import type { Device } from '../fleet/device';
import type { Desk } from '../state';
import { words } from '../words';

/** A key's fingerprint as people compare it. */
export function spoken(id: string): string {
  return (id.slice(0, 16).match(/.{4}/g) ?? []).join('-');
}

/** The origin of a device's newest reading. */
export function Origin({ desk, device }: { desk: Desk; device: Device }) {
  const w = words();
  desk.pulse.value;
  const provenance = device.provenance;
  if (provenance === undefined) return null;
  return (
    <div class="stack">
      <Badge tone="good" icon="seal" title={w.verifiedText}>
        {w.verified}
      </Badge>
      <p class="field-hint">{w.verifiedText}</p>
      <dl class="facts">
        <dt>{w.signedBy}</dt>
        <dd>
          <Signer provenance={provenance} />
        </dd>
        <dt>{w.key}</dt>
        <dd>
          <Key provenance={provenance} />
        </dd>
      </dl>
      {provenance.attester === undefined ? null : (
        <Notice weight="warn" title={w.attestedBy(provenance.attester)}>
          {w.attestedText}
        </Notice>
      )}
      <h3>{w.whyTitle}</h3>
      <KeyGrant provenance={provenance} />
      <Why desk={desk} topic={device.topic} sealed={provenance.sealed} />
    </div>
  );
}

/** Who signed, with the fingerprint to compare. */
export function Signer({ provenance }: { provenance: Provenance }) {
  const w = words();
  return (
    <>
      <b>{provenance.publisher}</b> <span class="mono">{spoken(provenance.publisherId)}</span>
      {provenance.attester === undefined ? null : <span> · {w.attestedBy(provenance.attester)}</span>}
    </>
  );
}

function Key({ provenance }: { provenance: Provenance }) {
  const w = words();
  return provenance.sealed ? <Badge icon="key">{w.sealed}</Badge> : <Badge tone="warn">{w.open}</Badge>;
}

function KeyGrant({ provenance }: { provenance: Provenance }) {
  const w = words();
  const grant = provenance.keyGrant;
  if (grant === undefined) return null;
  return (
    <dl class="facts">
      <dt>{w.keyGrant}</dt>
      <dd class="mono">{grant.tree}</dd>
      <dt>{w.purpose}</dt>
      <dd>{grant.purpose || w.noPurpose}</dd>
      <dt>{w.epoch}</dt>
      <dd>{grant.epoch}</dd>
      <dt>{w.statement}</dt>
      <dd class="mono">{grant.statement}</dd>
    </dl>
  );
}

/** The rules' own words on why the viewer may see this. */
function Why({ desk, topic, sealed }: { desk: Desk; topic: string; sealed: boolean }) {
  const w = words();
  const said = useSignal<string[] | undefined>(undefined);
  useEffect(() => {
    const actions = sealed ? (['subscribe', 'decrypt'] as const) : (['subscribe'] as const);
    const asked = actions.map((action) => desk.feed.ask({ ask: 'why', action, topic }));
    Promise.all(asked)
      .then((answers) => {
        said.value = answers.map(({ explanation }) => explanation);
      })
      .catch(() => {
        said.value = [w.notAsked];
      });
  }, [desk, topic, sealed, said, w]);
  return (
    <div class="stack">
      <p class="label">{w.nodeSays}</p>
      {said.value === undefined ? (
        <p class="dim">{w.asking}</p>
      ) : (
        said.value.map((text) => (
          <p key={text} class="quote mono">
            {text}
          </p>
        ))
      )}
    </div>
  );
}
