// SPDX-License-Identifier: MIT
import path from 'node:path';

/** One minified ES module; what a package imports by name stays outside. For esbuild. */
export function packageOptions(folder) {
  return {
    entryPoints: [path.join(folder, 'src/index.ts')],
    bundle: true,
    packages: 'external',
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    minify: true,
    legalComments: 'none',
  };
}
