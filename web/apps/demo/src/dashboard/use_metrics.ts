// SPDX-License-Identifier: MIT
import { HttpError, type Metrics, type MetricsHistory } from 'kibray-client';
import { useKibray } from 'kibray-react';
import { useEffect, useState } from 'react';

const POLL_MS = 5000;
const HISTORY_POLL_MS = 60_000;
const KEPT = 120;               // ten minutes

export type Problem = 'missing' | 'forbidden' | 'away';

/** What is now, and the last minutes of it as they were seen here. */
export interface Live { now: Metrics | null; seen: Metrics[]; problem: Problem | null }

function problemOf(error: unknown): Problem {
  const status = error instanceof HttpError ? error.status : 0;
  return status === 404 ? 'missing' : status === 403 ? 'forbidden' : 'away';
}

/** Ask again and again while the page is seen. */
function usePoll<T>(ask: () => Promise<T>, every: number, onAnswer: (answer: T) => void, onProblem: (problem: Problem) => void, key: unknown): void {
  useEffect(() => {
    let isWanted = true;
    const look = () => {
      if (document.visibilityState === 'visible') {
        ask().then((answer) => isWanted && onAnswer(answer), (error: unknown) => isWanted && onProblem(problemOf(error)));
      }
    };
    look();
    const timer = setInterval(look, every);
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
    // The functions are those of the render that the key belongs to.
  }, [key, every]);
}

export function useLive(): Live {
  const client = useKibray();
  const [live, setLive] = useState<Live>({ now: null, seen: [], problem: null });
  usePoll(client.api.metrics, POLL_MS,
    (now) => setLive(({ seen }) => ({ now, seen: [...seen, now].slice(-KEPT), problem: null })),
    (problem) => setLive((before) => ({ ...before, problem })), client);
  return live;
}

export function useHistory(hours: number): MetricsHistory | null {
  const client = useKibray();
  const [history, setHistory] = useState<MetricsHistory | null>(null);
  usePoll(() => client.api.metricsHistory(hours), HISTORY_POLL_MS, setHistory, () => {}, hours);
  return history;
}
