// @vitest-environment jsdom
// SPDX-License-Identifier: MIT
// Parts of a chat's page by themselves.
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { KibrayClient } from 'kibray-client';
import { type Chat, type ChatMessage, KibrayProvider } from 'kibray-react';
import { afterEach, expect, test, vi } from 'vitest';
import { fakeStorage, socketClass } from '../../../packages/client/test/fakes.js';
import { Composer } from '../src/chat/composer';
import { SearchPanel } from '../src/chat/search_panel';

afterEach(cleanup);

const messageOf = (id: number, content: string): ChatMessage => ({
  id, content, author: { id: 1, username: 'me', avatar: '' }, timestamp: '2024-01-01T00:00:00.000Z',
  channel_id: 7, reply_to: null, attachments: [],
});

test('Composer: what one types into an edit stays when the message is renewed', () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false }));
  const chat = { room: { key: '7' }, stopTyping: () => {}, keystroke: () => {} } as unknown as Chat;
  const composer = (editing: ChatMessage | null) => (
    <Composer chat={chat} title="general" names={[]} replyTo={null} editing={editing}
      uploads={{ items: [], add: () => {}, remove: () => {} }} onDone={() => {}} onEditLast={() => {}} />
  );
  const { rerender } = render(composer(messageOf(1, 'old')));
  const area = screen.getByRole<HTMLTextAreaElement>('textbox');
  fireEvent.change(area, { target: { value: 'typed' } });
  rerender(composer(messageOf(1, 'old')));
  expect(area.value).toBe('typed');
  rerender(composer(messageOf(2, 'another')));
  expect(area.value).toBe('another');
  rerender(composer(null));
  expect(area.value).toBe('');
});

test('SearchPanel: an answer that is late changes nothing', async () => {
  const answers: ((page: object) => void)[] = [];
  const client = new KibrayClient({
    baseUrl: 'http://h/', storage: fakeStorage(), WebSocket: socketClass, locks: null,
    fetch: (() => new Promise((resolve) => {
      answers.push((page) => resolve({ ok: true, status: 200, json: async () => page }));
    })) as unknown as typeof fetch,
  });
  render(<KibrayProvider client={client}><SearchPanel channelId={7} title="general" onJump={() => {}} onClose={() => {}} /></KibrayProvider>);
  const type = (value: string) => fireEvent.change(screen.getByRole('searchbox'), { target: { value } });
  const status = () => screen.getByRole('status').textContent;
  type('one');
  await waitFor(() => expect(status()).toBe('Searching…'));
  type('');
  expect(status()).toBe('');
  await act(async () => answers[0]!({ results: [messageOf(1, 'one')], next: null }));
  expect(status()).toBe('');

  type('two');
  await waitFor(() => expect(answers.length).toBe(2));
  await act(async () => answers[1]!({ results: [messageOf(2, 'two')], next: '/api/more' }));
  expect(status()).toBe('1 message and more');
  fireEvent.click(screen.getByText('Search further back'));
  await waitFor(() => expect(answers.length).toBe(3));
  type('three');
  expect(screen.getByText<HTMLButtonElement>('Search further back').disabled).toBe(true);
  await act(async () => answers[2]!({ results: [messageOf(1, 'far back')], next: null }));
  expect(screen.queryByText('far back')).toBeNull();
});
