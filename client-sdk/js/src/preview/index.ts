// Statements in plain words, for pages and flows that let people sign them: '@sekisho/client/preview'.

export { type Danger, dangers, dangersHere, type Surroundings } from './danger.js';
export { backgroundOf, effectOf, type Notes, notesOf } from './effect.js';
export type { Background, Changed, Effect } from './phrase.js';
export { inShort, type Preview, type PreviewLanguage, previewOf, sayDanger } from './preview.js';
export * from './said.js';
export { bodyOf, type Signable, saidOf } from './said_of.js';
