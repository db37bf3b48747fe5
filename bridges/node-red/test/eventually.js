'use strict';
// Waiting for what is to happen: until it has, or a deadline is over.

/** How long anything may take, milliseconds. */
const DEADLINE = 40_000;
const STEP = 50;

/**
 * What a function gives once it gives something, or does not throw any more.
 *
 * @param {string} what what is waited for
 * @param {() => unknown} look
 * @param {number} [deadline] milliseconds
 */
async function eventually(what, look, deadline = DEADLINE) {
  const end = Date.now() + deadline;
  let fault;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      fault = undefined;
    } catch (error) {
      fault = error;
    }
    if (Date.now() > end) throw new Error(`wanted ${what} within ${deadline} ms`, { cause: fault });
    await new Promise((resolve) => setTimeout(resolve, STEP));
  }
}

module.exports = { eventually };
