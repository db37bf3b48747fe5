// By what devices are coloured, what each colour means, and where the thresholds are.

import { useId, useMemo, useState } from 'preact/hooks';
import { number } from '../../words/format';
import { unit as shownUnit } from '../../words/unit';
import type { Desk } from '../state';
import { words } from '../words';
import { ascending, CLASS_COLOURS, NO_VALUE_COLOUR, type Thresholds } from './scale';

/** The legend over the map. */
export function Legend({ desk }: { desk: Desk }) {
  const w = words();
  const id = useId();
  desk.membership.value;
  desk.pulse.value;
  const all = desk.feed.fleet.measurements();
  const name = desk.measurement.value;
  const unit = all.find((one) => one.name === name)?.unit ?? '';
  const thresholds = desk.thresholds();
  const isWide = useMemo(() => matchMedia('(min-width: 56rem)').matches, []);
  return (
    <aside class="legend panel" aria-label={w.legend}>
      <div class="legend-head">
        <label for={id}>{w.colourBy}</label>
        <select
          id={id}
          class="picker"
          value={name}
          disabled={all.length === 0}
          onChange={(event) => desk.colourBy(event.currentTarget.value)}
        >
          {all.length === 0 ? <option value="">{w.nothingMeasured}</option> : null}
          {all.map((one) => (
            <option key={one.name} value={one.name}>
              {shownUnit(one.unit) === '' ? one.title : `${one.title} [${shownUnit(one.unit)}]`}
            </option>
          ))}
        </select>
      </div>
      {all.length === 0 ? null : (
        <details class="legend-fold" open={isWide}>
          <summary>{w.legend}</summary>
          <Classes thresholds={thresholds} />
          <ThresholdForm
            key={`${name} ${thresholds.join()}`}
            desk={desk}
            thresholds={thresholds}
            unit={unit}
          />
        </details>
      )}
    </aside>
  );
}

function Classes({ thresholds }: { thresholds: Thresholds }) {
  const w = words();
  return (
    <ul class="legend-classes">
      {CLASS_COLOURS.map((colour, index) => (
        <li key={colour}>
          <Swatch colour={colour} isTop={index === CLASS_COLOURS.length - 1} />
          {className(index, thresholds)}
        </li>
      ))}
      <li>
        <Swatch colour={NO_VALUE_COLOUR} isTop={false} />
        {w.noValue}
      </li>
    </ul>
  );
}

function className(index: number, thresholds: Thresholds): string {
  const w = words();
  const text = (at: number) => number(thresholds[at] ?? 0);
  if (index === 0) return w.below(text(0));
  if (index === thresholds.length) return w.from(text(index - 1));
  return w.between(text(index - 1), text(index));
}

/** The mark as it is on the map. */
export function Swatch({ colour, isTop }: { colour: string; isTop: boolean }) {
  return (
    <svg class="swatch" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {isTop ? (
        <path d="M8 .8 15.2 8 8 15.2.8 8z" fill={colour} stroke="#10222a" stroke-width="1.4" />
      ) : (
        <circle cx="8" cy="8" r="6" fill={colour} stroke="#10222a" stroke-width="1.4" />
      )}
    </svg>
  );
}

function ThresholdForm({ desk, thresholds, unit }: { desk: Desk; thresholds: Thresholds; unit: string }) {
  const w = words();
  const error = useId();
  const [texts, setTexts] = useState(thresholds.map(String));
  const parsed = ascending(texts.map((text) => (text.trim() === '' ? Number.NaN : Number(text))));
  return (
    <details class="legend-thresholds">
      <summary>{w.thresholds}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (parsed !== undefined) desk.setThresholds(parsed);
        }}
      >
        <div class="legend-inputs">
          {texts.map((text, index) => (
            <input
              key={index}
              class="input"
              type="number"
              step="any"
              value={text}
              aria-label={`${w.threshold(index + 1)} ${shownUnit(unit)}`}
              aria-invalid={parsed === undefined}
              aria-describedby={parsed === undefined ? error : undefined}
              onInput={(event) =>
                setTexts(texts.map((old, at) => (at === index ? event.currentTarget.value : old)))
              }
            />
          ))}
        </div>
        {parsed === undefined ? (
          <p id={error} class="field-hint">
            {w.thresholdsWrong}
          </p>
        ) : null}
        <div class="row">
          <button type="submit" class="button button-small" disabled={parsed === undefined}>
            OK
          </button>
          <button type="button" class="button button-small" onClick={() => desk.setThresholds(undefined)}>
            {w.reset}
          </button>
        </div>
      </form>
    </details>
  );
}
