// What a grant allows to do.

/** Every action, by ascending number from 1. */
export const ACTIONS = [
  'publish',
  'subscribe',
  'history',
  'decrypt',
  'discover',
  'grant',
  'bridge',
  'administer',
] as const;

/** One thing that a grant allows and a deny forbids. */
export type Action = (typeof ACTIONS)[number];

/** All actions, as bits. */
export const ALL_ACTIONS = 0xff;

/** An action's number on the wire, from 1. */
export function actionNumber(action: Action): number {
  return ACTIONS.indexOf(action) + 1;
}

/** A set of actions as it stands in a statement: bit n for action n + 1. */
export function actionsBits(actions: Iterable<Action>): number {
  let bits = 0;
  for (const action of actions) {
    bits |= 1 << (actionNumber(action) - 1);
  }
  return bits;
}

/** The actions of a set, by ascending number. */
export function actionsOf(bits: number): Action[] {
  return ACTIONS.filter((action) => hasAction(bits, action));
}

/** Whether a set holds an action. */
export function hasAction(bits: number, action: Action): boolean {
  return (bits & actionsBits([action])) !== 0;
}
