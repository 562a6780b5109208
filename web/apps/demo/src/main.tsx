// SPDX-License-Identifier: MIT
import { KibrayClient } from 'kibray-client';
import { KibrayProvider } from 'kibray-react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { registerWorker } from './lib/push';
import { go } from './lib/route';
import './styles/index.css';

const client = new KibrayClient();
registerWorker(go);
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <KibrayProvider client={client}>
      <App />
    </KibrayProvider>
  </StrictMode>,
);
