// SPDX-License-Identifier: MIT
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { serviceWorker } from './tools/service_worker';

const source = (name: string) => fileURLToPath(new URL(`../../packages/${name}/src/index.ts`, import.meta.url));
const server = process.env.KIBRAY_URL ?? 'http://127.0.0.1:8001';

export default defineConfig({
  base: './',                       // works in any folder of a site
  plugins: [react(), serviceWorker()],
  resolve: { alias: { 'kibray-client': source('client'), 'kibray-react': source('react') } },
  build: { outDir: '../../dist', emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
  server: { proxy: { '/api': server, '/media': server, '/ws': { target: server, ws: true } } },
});
