// SPDX-License-Identifier: MIT
import { KibrayClient } from 'kibray-client';
import { KibrayProvider } from 'kibray-react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { reloadWhenOutdated } from './lib/fresh_start';
import { keepPushWithUser, registerWorker } from './lib/push';
import { go } from './lib/route';
import { ErrorBoundary } from './shell/error_boundary';
import './styles/index.css';

const client = new KibrayClient();
registerWorker(go);
keepPushWithUser(client);
reloadWhenOutdated();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <ErrorBoundary>
      <KibrayProvider client={client}>
        <App />
      </KibrayProvider>
    </ErrorBoundary>
  </StrictMode>,
);
