// Real processes and browsers: a minute for what a busy machine does slowly, and one file at a time. A
// test that fails is run once more, and said to have been: it is a defect of the test or of the page all the same.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    fileParallelism: false,
    retry: 1,
  },
});
