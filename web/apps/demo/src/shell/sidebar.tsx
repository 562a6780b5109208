// SPDX-License-Identifier: MIT
import type { Channel } from 'kibray-client';
import { useStatus } from 'kibray-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { channelTitle, otherOf } from '../lib/channel_name';
import { useChannels } from '../lib/channels';
import { useMe } from '../lib/me';
import { learn, useNames } from '../lib/people';
import { Bell } from './bell';
import { ChannelItem, PersonItem } from './channel_item';
import { Icon } from './icons';
import { UserMenu } from './user_menu';

/** Channels and people, found by name. */
export function Sidebar({ room }: { room: string | null }) {
  const { list } = useChannels();
  const me = useMe();
  const names = useNames();
  const [filter, setFilter] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useShortcut(() => input.current?.focus());
  const wanted = filter.trim().toLowerCase();
  const fits = (name: string) => name.toLowerCase().includes(wanted);
  const shown = list?.filter((channel) => fits(channelTitle(channel, me.id, names))) ?? [];
  const people = usePeople(list, me.id).filter(({ username }) => fits(username));
  return (
    <nav className="sidebar" aria-label="Channels and people">
      <header className="sidebar-head">
        <a className="brand" href="#/"><img src="./icon.svg" alt="" width="30" height="30" />Kibray</a>
        <Bell />
        <UserMenu />
      </header>
      <div className="filter">
        <Icon name="search" size={17} />
        <input ref={input} type="search" aria-label="Find a channel or person" placeholder="Find…" value={filter}
          onChange={(event) => setFilter(event.target.value)}
          onKeyDown={(event) => event.key === 'Enter' && openFirst(event.currentTarget) && setFilter('')} />
        <kbd aria-hidden="true">Ctrl K</kbd>
      </div>
      <div className="sidebar-lists">
        {list === null ? <Skeletons /> : (
          <>
            <Section title="Channels" channels={shown.filter(({ kind }) => kind === 'group')} room={room}
              empty={wanted ? 'No channel of that name.' : 'No channels yet.'} />
            <Section title="Direct messages" channels={shown.filter(({ kind }) => kind === 'direct')} room={room} />
            {people.length > 0 && (
              <section aria-labelledby="people-title">
                <h2 id="people-title" className="section-title">People online</h2>
                <ul>{people.map((person) => <PersonItem key={person.user_id} person={person} isCurrent={room === `direct/${person.user_id}`} />)}</ul>
              </section>
            )}
          </>
        )}
      </div>
    </nav>
  );
}

interface SectionProps { title: string; channels: Channel[]; room: string | null; empty?: string }

function Section({ title, channels, room, empty }: SectionProps) {
  const id = `section-${title.replace(/\W/g, '-')}`;
  const me = useMe();
  if (channels.length === 0 && !empty) {
    return null;
  }
  return (
    <section aria-labelledby={id}>
      <h2 id={id} className="section-title">{title}</h2>
      {channels.length === 0 ? <p className="section-empty">{empty}</p> : (
        <ul>
          {channels.map((channel) => (
            <ChannelItem key={channel.id} channel={channel}
              isCurrent={room === `${channel.id}` || room === channel.name || room === `direct/${otherOf(channel, me.id)}`} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Skeletons() {
  return (
    <div aria-busy="true" aria-label="Loading channels" role="status">
      {[0, 1, 2, 3, 4].map((i) => (
        <div key={i} className="skeleton-row"><span className="skeleton skeleton-tile" /><span className="skeleton skeleton-lines" /></div>
      ))}
    </div>
  );
}

/** Who is there and has no direct channel with oneself yet. */
function usePeople(list: Channel[] | null, me: number) {
  const { people } = useStatus();
  useEffect(() => learn(Object.values(people).map(({ user_id, username }) => ({ id: user_id, name: username }))), [people]);
  return useMemo(() => {
    const known = new Set(list?.map((channel) => otherOf(channel, me)));
    return Object.values(people)
      .filter((person) => person.user_id !== me && person.status !== 'offline' && !known.has(person.user_id))
      .sort((a, b) => a.username.localeCompare(b.username));
  }, [people, list, me]);
}

function openFirst(input: HTMLInputElement): boolean {
  const first = input.closest('nav')?.querySelector<HTMLAnchorElement>('.sidebar-lists a');
  first?.click();
  input.blur();
  return first !== undefined && first !== null;
}

function useShortcut(act: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        act();
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  });
}
