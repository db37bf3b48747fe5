// What is kept, how much room there is, and which limits there are.

import { useState } from 'preact/hooks';
import { Command } from '../../parts/copy';
import { Field } from '../../parts/field';
import { type Column, Table } from '../../parts/table';
import { bytes, count, duration } from '../../words/format';
import { useAnswer } from '../asking';
import { sekisho } from '../command';
import type { Desk } from '../desk';
import type { Storage as Kept, TreeStorage } from '../documents/keeping';
import { liveWords } from '../words/live';
import { common } from '../words/shared';
import { Answered, Facts, Part, RoomHead, When } from './pieces';

const EVERY_MS = 10_000;
const LEVELS = [1, 2, 3, 4];

/** The room. */
export function Storage(props: { desk: Desk }) {
  const [w, c] = [liveWords(), common()];
  const [levels, setLevels] = useState(2);
  const answer = useAnswer(() => props.desk.storage(levels), `storage ${levels}`, EVERY_MS);
  return (
    <>
      <RoomHead title={c.storage} intro={w.storageIntro} />
      <Answered answer={answer}>
        {(kept) => (
          <>
            <Disk kept={kept} />
            <Part title={w.byTree}>
              <Field label={w.depth}>
                {(tied) => (
                  <select
                    {...tied}
                    class="narrow"
                    value={levels}
                    onChange={(event) => setLevels(Number(event.currentTarget.value))}
                  >
                    {LEVELS.map((level) => (
                      <option key={level} value={level}>
                        {`${'…/'.repeat(level)}#`}
                      </option>
                    ))}
                  </select>
                )}
              </Field>
              <Trees trees={kept.trees} days={daysKept(kept)} />
            </Part>
            <Part title={w.limits} intro={w.settings}>
              <Limits kept={kept} />
            </Part>
          </>
        )}
      </Answered>
      <Command title={c.sameCommand} line={sekisho('node', 'storage')} />
    </>
  );
}

function Disk(props: { kept: Kept }) {
  const w = liveWords();
  const { kept } = props;
  const size = (value: number | undefined) => (value === undefined ? '–' : bytes(value));
  const entries = (value: number | undefined) => (value === undefined ? '–' : w.entries(count(value)));
  const [first, head] = [kept.first ?? 0, kept.head ?? 0];
  const positions = head > first ? ` (${w.positions(count(first), count(head - 1))})` : '';
  return (
    <Part title={w.disk}>
      <Facts
        facts={[
          [w.free, size(kept.freeBytes)],
          [w.taken, size(kept.dataBytes)],
          [w.records, `${count(head - first)}${positions}`],
          [w.control, entries(kept.controlEntries)],
          [w.access, entries(kept.accessEntries)],
        ]}
      />
    </Part>
  );
}

/** For how many days the node keeps what has no rule of its own. */
function daysKept(kept: Kept): number | undefined {
  const days = kept.limits.find((one) => one.name === 'retention_days')?.value;
  return typeof days === 'number' ? days : undefined;
}

function Trees(props: { trees: TreeStorage[]; days: number | undefined }) {
  const w = liveWords();
  const { days } = props;
  const byDefault = days === undefined ? w.byDefault : w.byDefaultFor(duration(days * 86_400_000));
  const columns: Column<TreeStorage>[] = [
    {
      key: 'tree',
      title: w.tree,
      isHead: true,
      sort: (one) => one.tree,
      cell: (one) => <span class="mono">{one.tree}</span>,
    },
    {
      key: 'topics',
      title: w.topics,
      isNumber: true,
      sort: (one) => one.topics,
      cell: (one) => count(one.topics),
    },
    {
      key: 'records',
      title: w.records,
      isNumber: true,
      sort: (one) => one.records,
      cell: (one) => count(one.records),
    },
    {
      key: 'last',
      title: w.lastReceived,
      sort: (one) => one.lastReceived ?? 0,
      cell: (one) => <When time={one.lastReceived} />,
    },
    {
      key: 'kept',
      title: w.kept,
      sort: (one) => one.retentionS ?? 0,
      cell: (one) => (one.retentionS === undefined ? byDefault : duration(one.retentionS * 1000)),
    },
  ];
  return (
    <Table
      caption={w.byTree}
      columns={columns}
      rows={props.trees}
      rowKey={(one) => one.tree}
      empty={w.noTopics}
    />
  );
}

function Limits(props: { kept: Kept }) {
  const w = liveWords();
  const columns: Column<Kept['limits'][number]>[] = [
    {
      key: 'name',
      title: w.limit,
      isHead: true,
      sort: (one) => one.name,
      cell: (one) => <span class="mono">{one.name}</span>,
    },
    {
      key: 'value',
      title: w.value,
      isNumber: true,
      cell: (one) => (typeof one.value === 'number' ? count(one.value) : one.value),
    },
  ];
  return (
    <Table
      caption={w.limits}
      columns={columns}
      rows={props.kept.limits}
      rowKey={(one) => one.name}
      empty="–"
    />
  );
}
