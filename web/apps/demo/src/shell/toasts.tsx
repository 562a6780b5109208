// SPDX-License-Identifier: MIT
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from 'react';
import { Icon } from './icons';

export interface Toast { title: string; text?: string; kind?: 'info' | 'error'; href?: string; onOpen?: () => void }
interface Shown extends Toast { id: number }

const STAYS_MS = 6000;
const MOST = 3;
const Context = createContext<(toast: Toast) => void>(() => {});

export const useToast = () => useContext(Context);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown[]>([]);
  const counter = useRef(0);
  const remove = useCallback((id: number) => setShown((list) => list.filter((toast) => toast.id !== id)), []);
  const add = useCallback((toast: Toast) => {
    const id = ++counter.current;
    setShown((list) => [...list, { ...toast, id }].slice(-MOST));
    setTimeout(() => remove(id), STAYS_MS);
  }, [remove]);
  const list = useMemo(() => shown.map((toast) => (
    <div key={toast.id} className={`toast toast-${toast.kind ?? 'info'}`}>
      <Icon name={toast.kind === 'error' ? 'warning' : 'bell'} />
      <div className="toast-body">
        <strong>{toast.title}</strong>
        {toast.text && <span>{toast.text}</span>}
      </div>
      {toast.href && <a className="link-button" href={toast.href} onClick={() => { toast.onOpen?.(); remove(toast.id); }}>Open</a>}
      <button type="button" className="icon-button" aria-label="Close" onClick={() => remove(toast.id)}><Icon name="close" size={16} /></button>
    </div>
  )), [shown, remove]);
  return (
    <Context.Provider value={add}>
      {children}
      <div className="toasts" role="status" aria-live="polite">{list}</div>
    </Context.Provider>
  );
}
