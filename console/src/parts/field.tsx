// One question of a form: its label, its control, a hint, and what is wrong with the answer.

import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

/** What a control needs to be tied to its label, hint and fault. */
export interface Tied {
  id: string;
  'aria-describedby'?: string;
  'aria-invalid'?: 'true';
}

/** A labelled control. */
export function Field(props: {
  label: string;
  hint?: string | undefined;
  fault?: string | undefined;
  children: (tied: Tied) => ComponentChildren;
}) {
  const id = useId();
  const [hint, fault] = [`${id}-hint`, `${id}-fault`];
  const described = [props.hint && hint, props.fault && fault].filter(Boolean).join(' ');
  const tied: Tied = {
    id,
    ...(described === '' ? {} : { 'aria-describedby': described }),
    ...(props.fault ? { 'aria-invalid': 'true' as const } : {}),
  };
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.children(tied)}
      {props.hint ? (
        <span class="field-hint" id={hint}>
          {props.hint}
        </span>
      ) : null}
      {props.fault ? (
        <span class="field-fault" id={fault} role="alert">
          {props.fault}
        </span>
      ) : null}
    </div>
  );
}

/** Controls of what is wrong, in the order of the form. */
const WRONG = '[aria-invalid], fieldset:has(.field-fault) input';

/** What a form is tied to that leads to its first control that is wrong, whenever faults are found. */
export function useLeadToFault(faults: object): RefObject<HTMLFormElement> {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (Object.keys(faults).length > 0) form.current?.querySelector<HTMLElement>(WRONG)?.focus();
  }, [faults]);
  return form;
}

/** Options shown at most: a browser draws its list anew with every key. */
const OPTIONS_MAX = 50;

/** A text with suggestions, of which any may be typed that is not among them. */
export function Combo(props: {
  tied: Tied;
  value: string;
  options: readonly string[];
  onInput: (value: string) => void;
  placeholder?: string;
  name: string;
}) {
  const list = `${props.tied.id}-options`;
  const wanted = props.value.toLowerCase();
  const fitting: string[] = [];
  for (const option of props.options) {
    if (fitting.length >= OPTIONS_MAX) break;
    if (option !== props.value && option.toLowerCase().includes(wanted)) fitting.push(option);
  }
  return (
    <>
      <input
        {...props.tied}
        type="text"
        name={props.name}
        value={props.value}
        list={list}
        placeholder={props.placeholder}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      <datalist id={list}>
        {fitting.map((option) => (
          <option key={option} value={option} />
        ))}
      </datalist>
    </>
  );
}
