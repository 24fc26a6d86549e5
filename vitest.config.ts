import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Training workers are threads of their own, so test files run one a process, two at a time.
    pool: 'forks',
    maxWorkers: 2,
  },
})
