// SPDX-License-Identifier: MIT
// Puts a .gz and a .br beside every file of a folder that compresses, so that a server needs no
// compressor of its own.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

const COMPRESSIBLE = /\.(html|js|css|svg|json|webmanifest|txt)$/;
const gzip = promisify(zlib.gzip);
const brotli = promisify(zlib.brotliCompress);

async function* filesUnder(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      yield* filesUnder(full);
    } else {
      yield full;
    }
  }
}

for await (const file of filesUnder(process.argv[2])) {
  if (COMPRESSIBLE.test(file)) {
    const bytes = await readFile(file);
    const options = { params: { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } };
    await writeFile(`${file}.gz`, await gzip(bytes, { level: 9 }));
    await writeFile(`${file}.br`, await brotli(bytes, options));
  }
}
