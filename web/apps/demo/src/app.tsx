// SPDX-License-Identifier: MIT
import { useSession } from 'kibray-react';
import { lazy, Suspense } from 'react';
import { ChatPane } from './chat/chat_pane';
import { ChannelsProvider } from './lib/channels';
import { MeProvider } from './lib/me';
import { useRoute } from './lib/route';
import { ErrorBoundary } from './shell/error_boundary';
import { Login } from './shell/login';
import { Sidebar } from './shell/sidebar';
import { ToastProvider } from './shell/toasts';
import { Welcome } from './shell/welcome';

const Dashboard = lazy(() => import('./dashboard/dashboard'));

export function App() {
  const { isSignedIn, userId } = useSession();
  // Another user is another tree: nothing of the one before stays.
  return isSignedIn ? <SignedIn key={userId} /> : <Login />;
}

function SignedIn() {
  const route = useRoute();
  return (
    <MeProvider>
      <ChannelsProvider>
        <ToastProvider>
          <div className="shell" data-page={route.page}>
            <Sidebar room={route.page === 'chat' ? route.room : null} />
            <main className="main" id="main">
              {/* Another page gets another chance. */}
              <ErrorBoundary key={route.page === 'chat' ? route.room : route.page}>
                {route.page === 'chat' && <ChatPane room={route.room} />}
                {route.page === 'home' && <Welcome />}
                {route.page === 'dashboard' && (
                  <Suspense fallback={<div className="dashboard" aria-busy="true" />}><Dashboard /></Suspense>
                )}
              </ErrorBoundary>
            </main>
          </div>
        </ToastProvider>
      </ChannelsProvider>
    </MeProvider>
  );
}
