// SPDX-License-Identifier: MIT
// What a page pays for the client: made as the build makes it.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { packageOptions } from '../../../tools/package_options.mjs';

test('under 8 KB, and nothing else is needed', async () => {
  const result = await build({
    ...packageOptions(fileURLToPath(new URL('..', import.meta.url))), write: false, metafile: true,
  });
  const [output] = Object.values(result.metafile.outputs);
  expect(output!.imports).toEqual([]);
  expect(gzipSync(result.outputFiles[0]!.contents, { level: 9 }).length).toBeLessThan(8192);
});
