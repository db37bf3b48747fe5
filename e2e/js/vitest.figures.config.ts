// Figures take minutes and depend on the machine: they are measured when somebody asks for them, and no test.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['figures/**/*.figures.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
});
