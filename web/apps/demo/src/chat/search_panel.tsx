// SPDX-License-Identifier: MIT
import type { Message } from 'kibray-client';
import { useKibray } from 'kibray-react';
import { useEffect, useRef, useState } from 'react';
import { plural } from '../lib/format';
import { fullTime, relative, useNow } from '../lib/time';
import { Icon } from '../shell/icons';

const PAUSE_MS = 300;

interface Props { channelId: number; title: string; onJump: (id: number) => void; onClose: () => void }
interface Found { words: string; results: Message[]; next: string | null }

export function SearchPanel({ channelId, title, onJump, onClose }: Props) {
  const client = useKibray();
  const now = useNow();
  const [query, setQuery] = useState('');
  const [found, setFound] = useState<Found | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const round = useRef(0);
  useEffect(() => {
    const own = ++round.current;
    const words = query.trim();
    setIsBusy(false);                   // whatever is under way is for other words
    if (words === '') {
      setFound(null);
      return;
    }
    const timer = setTimeout(() => {
      setIsBusy(true);
      client.api.search(channelId, words).then((page) => own === round.current && setFound({ ...page, words }), () => {})
        .finally(() => own === round.current && setIsBusy(false));
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [client, channelId, query]);
  const more = async ({ words, results, next }: Found) => {
    const own = round.current;
    setIsBusy(true);
    try {
      const page = await client.api.next(next!);
      if (own === round.current) {
        setFound({ words, results: [...results, ...page.results], next: page.next });
      }
    } catch {
      // The button is still there.
    } finally {
      if (own === round.current) {
        setIsBusy(false);
      }
    }
  };
  return (
    <aside className="search-panel" aria-label={`Search in ${title}`} onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <div className="panel-head">
        <h2>Search in {title}</h2>
        <button type="button" className="icon-button" aria-label="Close the search" onClick={onClose}><Icon name="close" /></button>
      </div>
      <div className="filter">
        <Icon name="search" size={17} />
        <input type="search" aria-label="Words to find" placeholder="Words, &quot;a phrase&quot;, -without" autoFocus value={query}
          onChange={(event) => setQuery(event.target.value)} />
      </div>
      <p className="search-count muted" role="status">
        {isBusy ? 'Searching…' : found && (found.results.length === 0 ? 'Nothing found.' : `${plural(found.results.length, 'message')}${found.next ? ' and more' : ''}`)}
      </p>
      <ul className="search-results">
        {found?.results.map((message) => (
          <li key={message.id}>
            <button type="button" onClick={() => onJump(message.id)}>
              <span className="message-head">
                <span className="message-author">{message.author.username}</span>
                <time dateTime={message.timestamp} title={fullTime(message.timestamp)}>{relative(message.timestamp, now)}</time>
              </span>
              <span className="search-text">{message.content}</span>
            </button>
          </li>
        ))}
      </ul>
      {found?.next && (
        <button type="button" className="button-quiet wide" disabled={isBusy || found.words !== query.trim()}
          onClick={() => void more(found)}>Search further back</button>
      )}
      {!found && !isBusy && <p className="panel-empty"><Icon name="search" size={28} /><br />Find what was said in {title}.</p>}
    </aside>
  );
}
