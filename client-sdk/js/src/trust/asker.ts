// Whom the trust layer asks: a node over one connection, which vouches for nothing of what it answers.

import type { AnswerBody, Question } from '../link.js';

/** Asks the node. Rejects with a Refusal where the node refuses; any other error, and one that may pass, is an interruption. */
export interface Asker {
  query(question: Question): Promise<AnswerBody>;
}
