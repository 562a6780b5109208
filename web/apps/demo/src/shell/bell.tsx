// SPDX-License-Identifier: MIT
import type { Notification } from 'kibray-client';
import { useNotifications } from 'kibray-react';
import { plural } from '../lib/format';
import { placeOf, useRoute } from '../lib/route';
import { relative, useNow } from '../lib/time';
import { Icon } from './icons';
import { Popover } from './popover';
import { useToast } from './toasts';

/** Whoever looks at a chat need not be told of it; the chat marks it as read. */
const isInSight = (item: Notification) =>
  document.visibilityState === 'visible' && window.location.hash === placeOf(item.url);

export function Bell() {
  const toast = useToast();
  const route = useRoute();
  const notifications = useNotifications((item) => {
    if (!isInSight(item)) {
      toast({ title: item.title, text: item.message, href: item.url ? placeOf(item.url) : undefined,
        onOpen: () => notifications.markRead(item.id) });
    }
  });
  const { unread } = notifications;
  const label = unread > 0 ? `Notifications, ${unread} unread` : 'Notifications';
  const face = <><Icon name="bell" />{unread > 0 && <span className="badge badge-corner">{unread > 99 ? '99+' : unread}</span>}</>;
  return (
    <Popover key={route.page === 'chat' ? route.room : route.page} label={label} face={face} className="icon-button">
      {(close) => <BellPanel notifications={notifications} close={close} />}
    </Popover>
  );
}

interface PanelProps { notifications: ReturnType<typeof useNotifications>; close: () => void }

function BellPanel({ notifications, close }: PanelProps) {
  const { items, unread, phase, hasMore } = notifications;
  return (
    <div className="bell-panel">
      <div className="panel-head">
        <h2>Notifications</h2>
        <button type="button" className="link-button" disabled={unread === 0} onClick={() => notifications.markAllRead()}>
          Mark all as read
        </button>
      </div>
      {phase === 'loading' && <p className="panel-empty">Loading…</p>}
      {phase === 'ready' && items.length === 0 && (
        <p className="panel-empty"><Icon name="check" size={28} /><br />You are up to date.</p>
      )}
      <ul className="bell-list" aria-label={plural(items.length, 'notification')}>
        {items.map((item) => <BellItem key={item.id} item={item} notifications={notifications} close={close} />)}
      </ul>
      {hasMore && <button type="button" className="button-quiet wide" onClick={() => void notifications.loadMore()}>Show older</button>}
    </div>
  );
}

function BellItem({ item, notifications, close }: PanelProps & { item: Notification }) {
  const now = useNow();
  const isUnread = item.status === 'unread';
  return (
    <li className={`bell-item ${isUnread ? 'is-unread' : ''}`}>
      <a href={item.url ? placeOf(item.url) : '#/'} onClick={() => { notifications.markRead(item.id); close(); }}>
        <span className="bell-title">
          {isUnread && <span className="hidden">Unread: </span>}
          {item.title}
          <time dateTime={item.created_at}>{relative(item.created_at, now)}</time>
        </span>
        <span className="bell-text">{item.message}</span>
      </a>
      <button type="button" className="icon-button" aria-label={`Dismiss ${item.title}`} title="Dismiss"
        onClick={() => notifications.dismiss(item.id)}>
        <Icon name="close" size={16} />
      </button>
    </li>
  );
}
