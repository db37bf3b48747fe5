// What a statement would do, in plain words, before anybody signs it: English, Spanish, Japanese. It says
// what the command line says; a browser test holds the two against each other.

import { type Danger, dangers, dangersHere, type Surroundings } from './danger.js';
import { english } from './english.js';
import { japanese } from './japanese.js';
import type { Background, Phrase, Voice } from './phrase.js';
import { effects, phrases } from './plan.js';
import type { Said } from './said.js';
import { spanish } from './spanish.js';

/** The language of a preview. */
export type PreviewLanguage = 'en' | 'es' | 'ja';

/** A statement in one language: what it does, and what there is to be careful about. */
export interface Preview {
  /** What it does; the sentences one by one, and as one text. */
  sentences: string[];
  text: string;
  /** One sentence for each danger; nobody signs these without having typed so. */
  warnings: string[];
}

const VOICES: Record<PreviewLanguage, Voice> = { en: english, es: spanish, ja: japanese };

/**
 * Puts a statement into words.
 *
 * @param around What is known of whom it is about; without it only those dangers are told that follow
 * from the statement itself, as on the command line.
 */
export function previewOf(
  said: Said,
  background: Background,
  language: PreviewLanguage,
  around?: Surroundings,
): Preview {
  const voice = VOICES[language];
  const facts = [
    ...phrases(said, background),
    ...(background.effect ? effects(said, background, background.effect) : []),
  ];
  const all = [...dangers(said), ...(around ? dangersHere(said, around) : [])];
  const sentences = facts.map((phrase) => voice.say(phrase));
  return {
    sentences,
    text: voice.paragraph(sentences),
    warnings: all.map((danger) => voice.say({ is: 'danger', danger })),
  };
}

/** What one statement says, in one sentence: for lists of the control log. */
export function inShort(said: Said, language: PreviewLanguage): string | undefined {
  const [first] = phrases(said, { now: Number.NEGATIVE_INFINITY });
  if (first === undefined || first.is === 'plain') return undefined;
  return VOICES[language].say(first);
}

/** One danger as a sentence, for what is dangerous without being a statement. */
export function sayDanger(danger: Danger, language: PreviewLanguage): string {
  return VOICES[language].say({ is: 'danger', danger } satisfies Phrase);
}
