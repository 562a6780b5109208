// SPDX-License-Identifier: MIT
import { type ReactNode, useEffect, useRef } from 'react';

interface DialogProps { label: string; className?: string; onClose: () => void; children: ReactNode }

/** The browser's modal dialog: it keeps the focus, and Escape closes it. */
export function Dialog({ label, className = '', onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => before?.focus();
  }, []);
  return (
    <dialog ref={dialog} className={`dialog ${className}`} aria-label={label} onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}>
      {children}
    </dialog>
  );
}
