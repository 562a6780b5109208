// SPDX-License-Identifier: MIT
import { HttpError } from 'kibray-client';
import { useKibray } from 'kibray-react';
import { type FormEvent, useRef, useState } from 'react';

function sentence(error: unknown): string {
  if (!(error instanceof HttpError)) {
    return 'The server cannot be reached. Is the network there?';
  }
  if (error.status === 401) {
    return 'User name and password do not fit together.';
  }
  return error.status === 429 ? 'Too many attempts. Wait a minute, then try again.' : 'The server could not do it. Try again.';
}

export function Login() {
  const client = useKibray();
  const [error, setError] = useState('');
  const [isBusy, setIsBusy] = useState(false);
  const password = useRef<HTMLInputElement>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    setIsBusy(true);
    setError('');
    try {
      await client.login(String(data.get('username')), String(data.get('password')));
    } catch (problem) {
      setError(sentence(problem));
      setIsBusy(false);
      password.current?.select();
    }
  };
  return (
    <main className="login">
      <form className="login-card" onSubmit={(event) => void submit(event)}>
        <img src="./icon.svg" alt="" width="52" height="52" />
        <h1>Welcome to Kibray</h1>
        <p className="muted">Sign in to talk with your team.</p>
        <label htmlFor="username">User name</label>
        <input id="username" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus />
        <label htmlFor="password">Password</label>
        <input id="password" name="password" type="password" autoComplete="current-password" required ref={password}
          aria-describedby="login-error" aria-invalid={error !== ''} />
        <p id="login-error" className="form-error" role="alert">{error}</p>
        <button type="submit" className="button-primary" disabled={isBusy}>{isBusy ? 'Signing in…' : 'Sign in'}</button>
      </form>
    </main>
  );
}
