// @vitest-environment jsdom
// SPDX-License-Identifier: MIT
// The hooks under StrictMode, over a server that is a few functions.
import { File as NodeFile } from 'node:buffer';
import { act, cleanup, render, screen, waitFor } from '@testing-library/react';
import { KibrayClient, type Message } from 'kibray-client';
import { StrictMode } from 'react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { chat, FakeSocket, fakeStorage, seconds, socketClass, token } from '../../client/test/fakes.js';
import { KibrayProvider, useChat, useConnection, useNotifications, useSession, useStatus, useUpload } from '../src/index.js';

let asked: string[];
let client: KibrayClient;
/** What the history of channel 7 says, and with which status. */
let history: () => object | Promise<object>;
let historyStatus: number;
let older: () => object | Promise<object>;
let notices: (url: string) => object | Promise<object>;

const messageOf = (id: number, author = 2) => (chat(id, {}, author) as { message: Message }).message;

const notice = (id: number, title: string) =>
  ({ id, title, message: '', category: '', url: '', created_at: '', status: 'unread' });

function page(ids: number[], next: string | null = null): object {
  return { results: ids.map((id) => messageOf(id)), next, seq: Math.max(0, ...ids), edited: {}, deleted: {} };
}

const ROUTES: [RegExp, (url: string) => object | Promise<object>][] = [
  [/before=41/, () => older()],
  [/channels\/7\/messages/, () => history()],
  [/notifications/, (url) => notices(url)],
];

beforeEach(() => {
  FakeSocket.all = [];
  asked = [];
  history = () => page([42, 41], '/api/channels/7/messages/?before=41');
  historyStatus = 200;
  older = () => page([40, 39]);
  notices = () => ({ results: [notice(5, 'Old')], next: null });
  client = new KibrayClient({
    baseUrl: 'http://h/p/', storage: fakeStorage(), WebSocket: socketClass, locks: null,
    fetch: (async (url: string) => {
      asked.push(url);
      const body = await ROUTES.find(([pattern]) => pattern.test(url))?.[1](url) ?? {};
      const status = url.includes('/messages/') ? historyStatus : 200;
      return { ok: status === 200, status, json: async () => body };
    }) as unknown as typeof fetch,
  });
  client.session.set(token({ iat: seconds(), exp: seconds() + 3600, user_id: 1 }), 'r');
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const show = (element: JSX.Element) => render(<StrictMode><KibrayProvider client={client}>{element}</KibrayProvider></StrictMode>);
const socketTo = (part: string) => FakeSocket.all.filter(({ url }) => url.includes(part));
const tell = (socket: FakeSocket, frame: object) => act(async () => socket.say(frame));

function Chat() {
  const { phase, messages, pending, typing, hasOlder, loadOlder, send, receipts, connection, reload } = useChat(7);
  return (
    <div>
      <p data-testid="phase">{phase}</p>
      <p data-testid="connection">{connection.status}</p>
      <button onClick={reload}>reload</button>
      <p data-testid="messages">{messages.map(({ id, content, deleted_at }) => `${id}:${deleted_at ? '-' : content}`).join(' ')}</p>
      <p data-testid="pending">{pending.map(({ frame }) => ('message' in frame ? frame.message : '')).join()}</p>
      <p data-testid="typing">{typing.map(({ username }) => username).join()}</p>
      <p data-testid="receipts">{receipts.map((receipt) => `${receipt.username}${receipt.message_id}`).join()}</p>
      <button onClick={() => void send('mine')}>send</button>
      {hasOlder && <button onClick={() => void loadOlder()}>older</button>}
    </div>
  );
}
const text = (id: string) => screen.getByTestId(id).textContent;

test('useChat: history first, then one socket that goes on from there; frames change the list', async () => {
  show(<Chat />);
  await waitFor(() => expect(socketTo('/chat/7').length).toBe(1));
  const socket = socketTo('/chat/7')[0]!;
  expect(socket.url).toBe('ws://h/p/ws/chat/7/?since=42');
  await act(async () => socket.hello({ seq: 42, resumed: true }));
  expect(text('messages')).toBe('41:message 41 42:message 42');
  await tell(socket, { type: 'typing', user_id: 2, username: 'bob', channel_id: 7, is_typing: true });
  expect(text('typing')).toBe('bob');
  await tell(socket, chat(43, {}, 2));
  await tell(socket, chat(43, {}, 2));
  await tell(socket, { type: 'edit_message', message_id: 42, new_content: 'new', channel_id: 7, user_id: 2, edited_at: 'x', seq: 44 });
  await tell(socket, { type: 'delete_message', message_id: 41, channel_id: 7, user_id: 2, deleted_at: 'x', seq: 45 });
  await tell(socket, { type: 'read_receipt', message_id: 43, user_id: 2, username: 'bob', channel_id: 7, timestamp: '' });
  expect(text('messages')).toBe('41:- 42:new 43:message 43');
  expect(text('typing')).toBe('');
  expect(text('receipts')).toBe('bob43');
  await act(async () => screen.getByText('older').click());
  await waitFor(() => expect(text('messages')).toBe('39:message 39 40:message 40 41:- 42:new 43:message 43'));
  expect(screen.queryByText('older')).toBeNull();
  expect(socketTo('/chat/7').length).toBe(1);
});

test('useChat: what one says is shown at once and confirmed by its copy', async () => {
  show(<Chat />);
  await waitFor(() => expect(socketTo('/chat/7').length).toBe(1));
  const socket = socketTo('/chat/7')[0]!;
  await act(async () => screen.getByText('send').click());
  expect(text('pending')).toBe('mine');
  await act(async () => socket.hello({ seq: 42, resumed: true }));
  await waitFor(() => expect(socket.ofType('chat_message').length).toBe(1));
  await tell(socket, chat(43, { client_id: socket.ofType('chat_message')[0]!.client_id }, 1));
  await waitFor(() => expect(text('pending')).toBe(''));
  expect(text('messages')).toContain('43:message 43');
});

test('useChat: resumed:false reads the history again', async () => {
  show(<Chat />);
  await waitFor(() => expect(socketTo('/chat/7').length).toBe(1));
  const before = asked.length;
  await act(async () => socketTo('/chat/7')[0]!.hello({ seq: 9000, resumed: false }));
  await waitFor(() => expect(asked.length).toBe(before + 1));
});

test('useChat: the socket is closed soon after the room was left', async () => {
  const { unmount } = show(<Chat />);
  await waitFor(() => expect(socketTo('/chat/7').length).toBe(1));
  unmount();
  await waitFor(() => expect(socketTo('/chat/7')[0]!.isClosed).toBe(true));
});

/** A page that is given when the test says so. */
function later<T>(): { promise: Promise<T>; give: (value: T) => Promise<void> } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => { resolve = settle; });
  return { promise, give: (value) => act(async () => resolve(value)) };
}

test('useChat: what is said between the history and the socket of somebody else is shown', async () => {
  show(<><Files /><Chat /></>);
  await waitFor(() => expect(text('messages')).toBe('41:message 41 42:message 42'));
  const socket = socketTo('/chat/7')[0]!;
  expect(socket.url).not.toContain('since');
  history = () => page([43, 42, 41]);
  await act(async () => socket.hello({ seq: 43 }));
  await tell(socket, chat(44, {}, 2));
  await waitFor(() => expect(text('messages')).toBe('41:message 41 42:message 42 43:message 43 44:message 44'));
});

test('useChat: the same when the socket is there before the history', async () => {
  const slow = later<object>();
  history = () => slow.promise;
  show(<><Files /><Chat /></>);
  await waitFor(() => expect(socketTo('/chat/7').length).toBe(1));
  const socket = socketTo('/chat/7')[0]!;
  await act(async () => socket.hello({ seq: 43 }));
  await tell(socket, chat(44, {}, 2));
  history = () => page([43, 42, 41]);
  await slow.give(page([42, 41]));
  await waitFor(() => expect(text('messages')).toBe('41:message 41 42:message 42 43:message 43 44:message 44'));
});

test('useChat: a socket that joins where the history ends costs no second request', async () => {
  show(<><Files /><Chat /></>);
  await waitFor(() => expect(text('phase')).toBe('ready'));
  const before = asked.length;
  await act(async () => socketTo('/chat/7')[0]!.hello({ seq: 42 }));
  await tell(socketTo('/chat/7')[0]!, chat(43, {}, 2));
  expect(text('messages')).toBe('41:message 41 42:message 42 43:message 43');
  expect(asked.length).toBe(before);
});

test('useChat: what the socket catches up with is not put under a page that is newer', async () => {
  const end = client.room(7).open();                // as the queue keeps it
  await waitFor(() => expect(socketTo('/chat/7').length).toBe(1));
  await act(async () => socketTo('/chat/7')[0]!.hello({ seq: 10 }));
  history = () => page([42, 41]);
  show(<Chat />);
  await waitFor(() => expect(text('phase')).toBe('ready'));
  const socket = socketTo('/chat/7')[0]!;
  await act(async () => screen.getByText('send').click());
  await waitFor(() => expect(socket.ofType('chat_message').length).toBe(1));
  await tell(socket, chat(11, {}, 2));
  await tell(socket, chat(12, { client_id: socket.ofType('chat_message')[0]!.client_id }, 1));
  await tell(socket, { type: 'edit_message', message_id: 42, new_content: 'older', channel_id: 7, user_id: 2, edited_at: 'x', seq: 40 });
  await tell(socket, chat(43, {}, 2));
  expect(text('messages')).toBe('41:message 41 42:message 42 43:message 43');
  expect(text('pending')).toBe('');
  end();
});

test('useChat: a channel that is refused is left to its socket, and read when that gets in', async () => {
  historyStatus = 403;
  show(<Chat />);
  await waitFor(() => expect(text('phase')).toBe('failed'));
  const before = asked.length;
  vi.useFakeTimers({ shouldAdvanceTime: true });
  await act(async () => socketTo('/chat/7')[0]!.end(4403));
  expect(text('connection')).toBe('stopped');
  await act(async () => vi.advanceTimersByTimeAsync(20_000));
  expect(asked.length).toBe(before);
  historyStatus = 200;
  await act(async () => screen.getByText('reload').click());
  expect(asked.length).toBe(before);
  await act(async () => socketTo('/chat/7').at(-1)!.hello({ seq: 42 }));
  await waitFor(() => expect(text('messages')).toBe('41:message 41 42:message 42'));
  expect(asked.length).toBe(before + 1);
});

test('useChat: a server that is away is asked again', async () => {
  historyStatus = 503;
  show(<Chat />);
  await waitFor(() => expect(text('phase')).toBe('failed'));
  expect(socketTo('/chat/7').length).toBe(0);
  historyStatus = 200;
  await waitFor(() => expect(text('messages')).toBe('41:message 41 42:message 42'), { timeout: 4000 });
});

test('useChat: older messages that were asked for before a resync do not get before the new list', async () => {
  show(<Chat />);
  await waitFor(() => expect(socketTo('/chat/7').length).toBe(1));
  const slow = later<object>();
  older = () => slow.promise;
  await act(async () => screen.getByText('older').click());
  history = () => page([9000, 8999], '/api/channels/7/messages/?before=8999');
  await act(async () => socketTo('/chat/7')[0]!.hello({ seq: 9000, resumed: false }));
  await waitFor(() => expect(text('messages')).toBe('8999:message 8999 9000:message 9000'));
  await slow.give(page([40, 39]));
  expect(text('messages')).toBe('8999:message 8999 9000:message 9000');
});

function Bell({ heard = [] }: { heard?: string[] }) {
  const { unread, items, markRead, hasMore, loadMore } = useNotifications((item) => heard.push(item.title));
  return (
    <>
      <button onClick={() => markRead(6)}>{unread} {items.map(({ title, status }) => `${title}:${status}`).join()}</button>
      {hasMore && <a onClick={() => void loadMore()}>more</a>}
    </>
  );
}
const NOTIFICATIONS_HELLO = { type: 'connection_established', endpoint: 'notifications', user_id: 1, username: 'a', unread_count: 0 };

test('useNotifications: counts, the list, arrivals heard once', async () => {
  const heard: string[] = [];
  show(<Bell heard={heard} />);
  await waitFor(() => expect(socketTo('/notifications').length).toBe(1));
  const socket = socketTo('/notifications')[0]!;
  await tell(socket, { type: 'connection_established', endpoint: 'notifications', user_id: 1, username: 'a', unread_count: 1 });
  await tell(socket, { type: 'unread_count', count: 1 });
  await waitFor(() => expect(screen.getByRole('button').textContent).toBe('1 Old:unread'));
  await tell(socket, { type: 'notification', notification: { id: 6, title: 'New', message: '', category: '', url: '', created_at: '' } });
  await tell(socket, { type: 'unread_count', count: 2 });
  expect(heard).toEqual(['New']);
  expect(screen.getByRole('button').textContent).toBe('2 New:unread,Old:unread');
  await act(async () => screen.getByRole('button').click());
  expect(socket.ofType('mark_read')).toEqual([{ type: 'mark_read', notification_id: 6 }]);
  await tell(socket, { type: 'notification_update', notification_id: 6, status: 'read', unread_count: 1 });
  await tell(socket, { type: 'notification_update', notification_id: 5, status: 'dismissed', unread_count: 0 });
  expect(screen.getByRole('button').textContent).toBe('2 New:read');
});

test('useNotifications: what comes while the list is read stays', async () => {
  const slow = later<object>();
  notices = () => slow.promise;
  const heard: string[] = [];
  show(<Bell heard={heard} />);
  await waitFor(() => expect(socketTo('/notifications').length).toBe(1));
  const socket = socketTo('/notifications')[0]!;
  await tell(socket, NOTIFICATIONS_HELLO);
  await tell(socket, { type: 'notification', notification: { id: 6, title: 'New', message: '', category: '', url: '', created_at: '' } });
  await tell(socket, { type: 'notification_update', notification_id: 5, status: 'read', unread_count: 0 });
  await slow.give({ results: [notice(5, 'Old')], next: null });
  await waitFor(() => expect(screen.getByRole('button').textContent).toBe('0 New:unread,Old:read'));
  expect(heard).toEqual(['New']);
});

test('useNotifications: older ones once, however often they are asked for', async () => {
  const slow = later<object>();
  notices = (url) => (url.includes('before') ? slow.promise
    : { results: [notice(6, 'C'), notice(5, 'B')], next: '/api/notifications/?before=5' });
  show(<Bell />);
  await waitFor(() => expect(socketTo('/notifications').length).toBe(1));
  await tell(socketTo('/notifications')[0]!, NOTIFICATIONS_HELLO);
  await waitFor(() => expect(screen.getByText('more')).toBeTruthy());
  const before = asked.length;
  await act(async () => screen.getByText('more').click());
  await act(async () => screen.getByText('more').click());
  await slow.give({ results: [notice(5, 'B'), notice(4, 'A')], next: null });
  await waitFor(() => expect(screen.getByRole('button').textContent).toBe('0 C:unread,B:unread,A:unread'));
  expect(asked.length).toBe(before + 1);
  expect(screen.queryByText('more')).toBeNull();
});

function Who() {
  const { statusOf, mine, setStatus } = useStatus();
  const { isOnline, queueLength } = useConnection(client.status);
  return <button onClick={() => setStatus('busy')}>{statusOf(2)} {mine} {String(isOnline)} {queueLength}</button>;
}

test('useStatus and useConnection', async () => {
  show(<Who />);
  await waitFor(() => expect(socketTo('/status').length).toBe(1));
  const socket = socketTo('/status')[0]!;
  expect(screen.getByRole('button').textContent).toBe('offline online false 0');
  await tell(socket, {
    type: 'connection_established', endpoint: 'status', user_id: 1, username: 'a',
    online_users: [{ user_id: 2, username: 'bob', status: 'away', last_seen: null }],
  });
  await act(async () => screen.getByRole('button').click());
  expect(socket.ofType('status_update')).toEqual([{ type: 'status_update', status: 'busy' }]);
  await tell(socket, { type: 'user_status', user_id: 1, username: 'a', status: 'busy', last_seen: '' });
  expect(screen.getByRole('button').textContent).toBe('away busy true 0');
  await act(async () => socket.end());
  expect(screen.getByRole('button').textContent).toBe('away busy false 0');
});

function Files() {
  const { items, add, remove } = useUpload(7);
  return (
    <div>
      <button onClick={() => add([new NodeFile(['abc'], 'a.txt', { type: 'text/plain' }) as unknown as File], { post: false })}>add</button>
      {items.map(({ upload, file, status }) => <button key={upload.localId} onClick={() => remove(upload)}>{file.name} {status}</button>)}
    </div>
  );
}

test('useUpload: a file on its way, and out again', async () => {
  show(<Files />);
  await waitFor(() => expect(socketTo('/chat/7').length).toBe(1));
  const socket = socketTo('/chat/7')[0]!;
  await act(async () => socket.hello());
  await act(async () => screen.getByText('add').click());
  await waitFor(() => expect(socket.ofType('upload_file').length).toBe(1));
  await tell(socket, { type: 'upload_started', upload_id: 'u', chunk_size: 262144, received: [] });
  await waitFor(() => expect(screen.getByText('a.txt sending')).toBeTruthy());
  await act(async () => screen.getByText('a.txt sending').click());
  expect(socket.ofType('cancel_upload').length).toBe(1);
  expect(screen.queryByText(/a\.txt/)).toBeNull();
});

function Session() {
  const { isSignedIn, userId } = useSession();
  return <p>{String(isSignedIn)} {userId}</p>;
}

test('useSession follows login and logout', async () => {
  show(<Session />);
  expect(screen.getByText('true 1')).toBeTruthy();
  await act(async () => client.logout());
  expect(screen.getByText('false 0')).toBeTruthy();
  expect(asked.at(-1)).toBe('http://h/p/api/token/blacklist/');
});
