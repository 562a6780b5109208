// SPDX-License-Identifier: MIT
import type { PresenceStatus } from 'kibray-client';
import { useKibray, useStatus } from 'kibray-react';
import { useEffect, useState } from 'react';
import { useMe } from '../lib/me';
import { type PushState, pushState, switchPushOff, switchPushOn } from '../lib/push';
import { setTheme, type Theme, useTheme } from '../lib/theme';
import { Avatar, STATUS_NAMES } from './avatar';
import { Icon, type IconName } from './icons';
import { Popover } from './popover';

const STATUSES: PresenceStatus[] = ['online', 'away', 'busy', 'offline'];
const THEMES: [Theme, string, IconName][] = [['system', 'System', 'screen'], ['light', 'Light', 'sun'], ['dark', 'Dark', 'moon']];

export function UserMenu() {
  const me = useMe();
  const { mine } = useStatus();
  return (
    <Popover label={`Your menu, ${me.username}, ${STATUS_NAMES[mine]}`} side="down" className="user-button"
      face={<Avatar id={me.id} name={me.username} status={mine} />}>
      {(close) => <Menu close={close} />}
    </Popover>
  );
}

function Menu({ close }: { close: () => void }) {
  const client = useKibray();
  const me = useMe();
  const signOut = async () => {
    await switchPushOff(client).catch(() => {});
    await client.logout();
  };
  return (
    <div className="user-menu">
      <div className="user-head">
        <Avatar id={me.id} name={me.username} />
        <div><strong>{me.username}</strong><span className="muted">{me.is_staff ? 'Staff' : 'Member'}</span></div>
      </div>
      <StatusPicker close={close} />
      <ThemePicker />
      <PushSwitch />
      {me.is_staff && <a className="menu-item" href="#/dashboard" onClick={close}><Icon name="chart" />Dashboard</a>}
      <button type="button" className="menu-item" onClick={() => void signOut()}><Icon name="out" />Sign out</button>
    </div>
  );
}

function StatusPicker({ close }: { close: () => void }) {
  const { mine, setStatus } = useStatus();
  return (
    <fieldset className="menu-group">
      <legend>Status</legend>
      {STATUSES.map((status) => (
        <label key={status} className="menu-item">
          <input type="radio" name="status" className="hidden" checked={mine === status} onChange={() => setStatus(status)} onClick={close} />
          <span className={`dot dot-${status}`} aria-hidden="true" />
          {status === 'offline' ? 'Appear offline' : STATUS_NAMES[status]}
          {mine === status && <Icon name="check" size={18} />}
        </label>
      ))}
    </fieldset>
  );
}

function ThemePicker() {
  const theme = useTheme();
  return (
    <fieldset className="menu-group">
      <legend>Theme</legend>
      <div className="segments">
        {THEMES.map(([value, name, icon]) => (
          <label key={value} className="segment">
            <input type="radio" name="theme" className="hidden" checked={theme === value} onChange={() => setTheme(value)} />
            <Icon name={icon} size={16} />{name}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function PushSwitch() {
  const client = useKibray();
  const [state, setState] = useState<PushState>('unsupported');
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => void pushState().then(setState), []);
  if (state === 'unsupported') {
    return null;
  }
  const toggle = async () => {
    if (state === 'on') {
      await switchPushOff(client);
    } else {
      setProblem(await switchPushOn(client));
    }
    setState(await pushState());
  };
  return (
    <>
      <button type="button" className="menu-item" role="switch" aria-checked={state === 'on'} disabled={state === 'blocked'}
        onClick={() => void toggle()}>
        <Icon name="bell" />Push to this device<span className="switch" aria-hidden="true" />
      </button>
      <p className="menu-note" role="status">{state === 'blocked' ? 'Blocked in the browser’s settings.' : problem}</p>
    </>
  );
}

