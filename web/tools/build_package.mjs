// SPDX-License-Identifier: MIT
// Bundles a package's src/index.ts into dist/index.js, in the package's folder.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { packageOptions } from './package_options.mjs';

await rm('dist', { recursive: true, force: true });
await build({ ...packageOptions('.'), outfile: 'dist/index.js' });
