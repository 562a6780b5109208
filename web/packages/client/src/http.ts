// SPDX-License-Identifier: MIT
import type { Session } from './session.js';

const REQUEST_MS = 20_000;        // a connection that died in the machine's sleep answers never

/** The server said no. */
export class HttpError extends Error {
  constructor(readonly status: number, readonly code: string, detail: string, readonly body: unknown) {
    super(detail);
  }
}

/** Requests with the token, and once more with a new one when it is refused. */
export class Http {
  constructor(
    private readonly base: URL,
    private readonly session: Session,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** The server's own paths begin with a slash; here they begin at the base. */
  url(path: string): string {
    return new URL(path.replace(/^\//, ''), this.base).href;
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  async send(method: string, path: string, body?: unknown): Promise<Response> {
    const token = await this.session.accessToken();
    let response = await this.once(method, path, body, token);
    if (response.status === 401 && token !== undefined && await this.session.renew(token)) {
      response = await this.once(method, path, body, await this.session.accessToken());
    }
    return this.checked(response);
  }

  /** Throws what the server has against it. */
  async checked(response: Response): Promise<Response> {
    if (!response.ok) {
      const answer = await response.json().catch(() => ({})) as { detail?: string; code?: string };
      throw new HttpError(response.status, answer.code ?? '', answer.detail ?? response.statusText, answer);
    }
    return response;
  }

  once(method: string, path: string, body?: unknown, token?: string): Promise<Response> {
    return this.fetch(this.url(path), {
      method,
      signal: AbortSignal.timeout(REQUEST_MS),
      headers: {
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }
}
