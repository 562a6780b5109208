// SPDX-License-Identifier: MIT
// Builds src/sw/sw.ts into dist/sw.js with the list of files that the app consists of.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { build } from 'esbuild';
import type { Plugin, ResolvedConfig } from 'vite';

export function serviceWorker(): Plugin {
  let config: ResolvedConfig;
  return {
    name: 'service-worker',
    apply: 'build',
    configResolved(resolved) {
      config = resolved;
    },
    async writeBundle(_options, bundle) {
      const files = ['./', './theme.js', './icon.svg', './manifest.webmanifest',
        ...Object.keys(bundle).filter((name) => name.startsWith('assets/')).map((name) => `./${name}`)];
      const content = Object.values(bundle).map((file) => ('code' in file ? file.code : file.source));
      const version = createHash('sha256').update(files.join() + content.join()).digest('hex').slice(0, 12);
      await build({
        entryPoints: [path.join(config.root, 'src/sw/sw.ts')],
        outfile: path.join(config.root, config.build.outDir, 'sw.js'),
        bundle: true, minify: true, format: 'iife', target: 'es2022', legalComments: 'none',
        define: { FILES: JSON.stringify(files), VERSION: JSON.stringify(version) },
      });
    },
  };
}
