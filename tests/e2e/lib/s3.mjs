// SPDX-License-Identifier: MIT
// Starts the S3 server of the tests with one empty bucket in a folder of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('s3_server.mjs', import.meta.url));

async function launch(server) {
  const { data, bucket, secretKey, port, tls } = server;
  const args = [program, data, bucket, secretKey, String(port), ...(tls ? [tls.key, tls.cert] : [])];
  server.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  server.exited = once(server.child, 'exit');
  const lines = createInterface({ input: server.child.stdout });
  const [line] = await Promise.race([once(lines, 'line'), server.exited.then(() => [''])]);
  const match = /^ready (\d+)$/.exec(line);
  if (!match) {
    throw new Error('the S3 server did not start');
  }
  server.port = Number(match[1]);
  server.url = `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`;
}

/**
 * { url, bucket, region, accessKey, secretKey, settings, kill(), restart(), stop() }; `settings` are the
 * broker's; `disk` is where its objects are. `tls` is { key, cert } as makeCertificate of push_services.mjs gives them.
 */
export async function startS3({ bucket = 'files', secretKey = 'test-secret/+', tls, disk = tmpdir() } = {}) {
  const folder = await mkdtemp(path.join(disk, 'kibray-s3-'));
  const server = {
    data: path.join(folder, 'data'), bucket, secretKey, tls, port: 0, region: 'us-east-1', accessKey: 'S3RVER',
    /** As a machine that loses power: the objects stay. */
    async kill() {
      server.child.kill('SIGKILL');
      await server.exited;
    },
    async restart() {
      await server.kill();
      await launch(server);
    },
    async stop() {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await launch(server);
  server.settings = {
    STORAGE: 's3', S3_URL: server.url, S3_BUCKET: bucket, S3_REGION: server.region,
    S3_ACCESS_KEY: server.accessKey, S3_SECRET_KEY: secretKey, ...(tls ? { S3_CA_FILE: tls.cert } : {}),
  };
  return server;
}
