// SPDX-License-Identifier: MIT
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';

interface PopoverProps {
  label: string;
  /** What the button shows. */
  face: ReactNode;
  className?: string;
  side?: 'up' | 'down';
  children: (close: () => void) => ReactNode;
}

/** A button and the panel that it opens: Escape and a click elsewhere close it, the focus comes back. */
export function Popover({ label, face, className = '', side = 'down', children }: PopoverProps) {
  const [isOpen, setIsOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = () => {
    setIsOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) {
      return;
    }
    panel.current?.focus();
    const onPointer = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) {
        setIsOpen(false);
      }
    };
    document.addEventListener('pointerdown', onPointer);
    return () => document.removeEventListener('pointerdown', onPointer);
  }, [isOpen]);
  return (
    <div className="popover" ref={root}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && isOpen) {
          event.stopPropagation();
          close();
        }
      }}>
      <button ref={button} type="button" className={className} aria-label={label} title={label} aria-haspopup="dialog"
        aria-expanded={isOpen} aria-controls={isOpen ? id : undefined} onClick={() => setIsOpen(!isOpen)}>
        {face}
      </button>
      {isOpen && (
        <div ref={panel} id={id} className={`panel panel-${side}`} role="dialog" aria-label={label} tabIndex={-1}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
