// SPDX-License-Identifier: MIT
import type { Chat, ChatMessage, UploadItem } from 'kibray-react';
import { type ClipboardEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Icon } from '../shell/icons';
import { complete, mentionAt, suggestionsFor } from './mentions';
import { drafts } from './drafts';
import { UploadChips } from './upload_chips';

interface Props {
  chat: Chat;
  title: string;
  names: string[];
  replyTo: ChatMessage | null;
  editing: ChatMessage | null;
  uploads: { items: UploadItem[]; add: (files: Iterable<File>) => void; remove: (item: UploadItem) => void };
  onDone: () => void;
  onEditLast: () => void;
}

const LIST_ID = 'mention-list';
const MAX_CHARS = 10_000;

export function Composer({ chat, title, names, replyTo, editing, uploads, onDone, onEditLast }: Props) {
  const { key } = chat.room;
  const [text, setText] = useState(drafts.get(key) ?? '');
  const [caret, setCaret] = useState(0);
  const [choice, setChoice] = useState(0);
  const [isMenuClosed, setIsMenuClosed] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);

  const editingId = editing?.id;
  useEffect(() => {
    if (editing) {
      setText(editing.content);
      area.current?.focus();
    } else {
      setText(drafts.get(key) ?? '');
    }
  }, [editingId, key]);                 // not when the same message is renewed: one is typing
  useEffect(() => {
    if (replyTo) {
      area.current?.focus();
    }
  }, [replyTo]);
  useEffect(() => {
    if (window.matchMedia('(hover: hover)').matches) {      // not where a keyboard would come up
      area.current?.focus();
    }
  }, []);
  useLayoutEffect(() => {
    const element = area.current!;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  const change = (value: string, at: number) => {
    setText(value);
    setCaret(at);
    setChoice(0);
    setIsMenuClosed(false);
    if (!editing) {
      drafts.set(key, value);
      if (value === '') {
        chat.stopTyping();
      } else {
        chat.keystroke();
      }
    }
  };

  const mention = isMenuClosed ? null : mentionAt(text, caret);
  const suggestions = mention ? suggestionsFor(mention.query, names) : [];
  const take = (name: string) => {
    const done = complete(text, mention!, name);
    change(done.text, done.caret);
    requestAnimationFrame(() => area.current?.setSelectionRange(done.caret, done.caret));
    area.current?.focus();
  };

  const ready = uploads.items.filter(({ attachment }) => attachment);
  const isUploading = uploads.items.some(({ status }) => status === 'sending' || status === 'waiting' || status === 'paused');
  const isTooLong = text.length > MAX_CHARS;
  const canSend = !isUploading && !isTooLong && (text.trim() !== '' || (ready.length > 0 && !editing));
  const send = () => {
    if (!canSend) {
      return;
    }
    if (editing) {
      if (text.trim() !== editing.content) {
        void chat.edit(editing.id, text.trim());
      }
    } else {
      const attachments = ready.map(({ attachment }) => attachment!.id);
      void chat.send(text.trim(), { replyTo: replyTo?.id, attachments: attachments.length > 0 ? attachments : undefined });
      uploads.items.forEach(uploads.remove);
      drafts.delete(key);
      setText('');
    }
    setCaret(0);
    onDone();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) {
      return;                                   // an input method is at work
    }
    if (suggestions.length > 0 && onMenuKey(event)) {
      event.preventDefault();
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === 'Escape' && (replyTo || editing)) {
      onDone();
    } else if (event.key === 'ArrowUp' && text === '') {
      event.preventDefault();
      onEditLast();
    }
  };
  const onMenuKey = ({ key: pressed }: KeyboardEvent): boolean => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[pressed];
    if (step) {
      setChoice((choice + step + suggestions.length) % suggestions.length);
    } else if (pressed === 'Enter' || pressed === 'Tab') {
      take(suggestions[choice]!);
    } else if (pressed === 'Escape') {
      setIsMenuClosed(true);
    }
    return step !== undefined || ['Enter', 'Tab', 'Escape'].includes(pressed);
  };
  const onPaste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length > 0) {
      event.preventDefault();
      uploads.add(event.clipboardData.files);
    }
  };

  return (
    <form className="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      {(replyTo ?? editing) && (
        <div className="composer-context">
          <Icon name={editing ? 'edit' : 'reply'} size={16} />
          <span className="composer-context-text">
            {editing ? 'Editing your message' : <>Reply to <strong>{replyTo!.author.username}</strong>: {replyTo!.content || 'a file'}</>}
          </span>
          <button type="button" className="icon-button" aria-label={editing ? 'Stop editing' : 'Do not reply'} onClick={onDone}><Icon name="close" size={16} /></button>
        </div>
      )}
      <UploadChips items={uploads.items} onRemove={uploads.remove} />
      {suggestions.length > 0 && (
        <ul className="mentions" id={LIST_ID} role="listbox" aria-label="People">
          {suggestions.map((name, i) => (
            <li key={name} id={`${LIST_ID}-${i}`} role="option" aria-selected={i === choice}
              onPointerDown={(event) => { event.preventDefault(); take(name); }}>@{name}</li>
          ))}
        </ul>
      )}
      <div className="composer-row">
        <input ref={picker} type="file" multiple className="hidden" tabIndex={-1} aria-label="Files to attach"
          onChange={(event) => { uploads.add([...event.target.files ?? []]); event.target.value = ''; }} />
        <button type="button" className="icon-button" aria-label="Attach files" title="Attach files" disabled={editing !== null}
          onClick={() => picker.current?.click()}><Icon name="attach" /></button>
        <textarea ref={area} rows={1} value={text} placeholder={`Message ${title}`} aria-label={`Message ${title}`}
          aria-autocomplete="list" aria-controls={suggestions.length > 0 ? LIST_ID : undefined}
          aria-activedescendant={suggestions.length > 0 ? `${LIST_ID}-${choice}` : undefined}
          onChange={(event) => change(event.target.value, event.target.selectionStart)}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={onKeyDown} onPaste={onPaste} onBlur={() => chat.stopTyping()} />
        <button type="submit" className="send" aria-label={editing ? 'Save' : 'Send'} title={editing ? 'Save' : 'Send'} disabled={!canSend}>
          <Icon name={editing ? 'check' : 'send'} />
        </button>
      </div>
      {isTooLong && <p className="form-error" role="alert">{text.length - MAX_CHARS} characters too many.</p>}
    </form>
  );
}
