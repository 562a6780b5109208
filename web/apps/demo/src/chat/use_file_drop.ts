// SPDX-License-Identifier: MIT
import { type DragEvent, useRef, useState } from 'react';

/** Files that are dropped on an element, and whether some are above it. */
export function useFileDrop(take: (files: File[]) => void) {
  const depth = useRef(0);            // entering a child is told before leaving its parent
  const [isOver, setIsOver] = useState(false);
  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  const count = (step: number) => {
    depth.current = Math.max(0, depth.current + step);
    setIsOver(depth.current > 0);
  };
  return {
    isOver,
    handlers: {
      onDragEnter: (event: DragEvent) => hasFiles(event) && count(1),
      onDragLeave: (event: DragEvent) => hasFiles(event) && count(-1),
      onDragOver: (event: DragEvent) => hasFiles(event) && event.preventDefault(),
      onDrop: (event: DragEvent) => {
        if (hasFiles(event)) {
          event.preventDefault();
          count(-depth.current);
          take([...event.dataTransfer.files]);
        }
      },
    },
  };
}
