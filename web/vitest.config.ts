// SPDX-License-Identifier: MIT
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Tests see the packages' sources, not what was built of them.
const source = (name: string) => fileURLToPath(new URL(`packages/${name}/src/index.ts`, import.meta.url));

export default defineConfig({
  resolve: { alias: { 'kibray-client': source('client'), 'kibray-react': source('react') } },
  test: {
    include: ['packages/*/test/**/*.test.{ts,tsx}', 'apps/*/test/**/*.test.{ts,tsx}'],
    setupFiles: ['tools/test_setup.ts'],
    restoreMocks: true,
  },
});
