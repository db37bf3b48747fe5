// What text that names something may hold, so that two names that look alike are one.

/** Characters that print nothing, or change how their neighbours print; halves of characters too. */
const INVISIBLE =
  /[\p{Cc}\p{Cs}\u{ad}\u{61c}\u{180e}\u{200b}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2069}\u{feff}\u{fff9}-\u{fffb}\u{e0000}-\u{e007f}]/u;
const OUTER_SPACE = /^\p{White_Space}|\p{White_Space}$/u;
const ASCII = /^[\0-\x7f]*$/;

/** Whether a text holds a character that hides. */
export function hasInvisible(text: string): boolean {
  return INVISIBLE.test(text);
}

/** What is wanted instead of a text that names something; undefined where it is a good one. */
export function visibleTextFault(text: string): string | undefined {
  if (OUTER_SPACE.test(text)) {
    return 'no outer spaces';
  }
  if (hasInvisible(text)) {
    return 'no control characters';
  }
  if (!ASCII.test(text) && text.normalize('NFC') !== text) {
    return 'Unicode in normalisation form C';
  }
  return undefined;
}
