// SPDX-License-Identifier: MIT
// How the whole system is used: for staff. A chunk of its own, with the charts.
import 'uplot/dist/uPlot.min.css';
import '../styles/dashboard.css';
import { useEffect } from 'react';
import { Icon } from '../shell/icons';
import { Errors } from './errors';
import { HistoryCharts } from './history_charts';
import { LiveCharts } from './live_charts';
import { duration } from './numbers';
import { Ranking } from './ranking';
import { Tiles } from './tiles';
import { type Problem, useLive } from './use_metrics';

const SENTENCES: Record<Problem, [string, string]> = {
  missing: ['There are no figures here', 'This server does not collect them.'],
  forbidden: ['The dashboard is for staff', 'Ask an administrator for it.'],
  away: ['The figures cannot be read now', 'They are asked for again every five seconds.'],
};

export default function Dashboard() {
  const { now, seen, problem } = useLive();
  useEffect(() => {
    document.title = 'Dashboard · Kibray';
    return () => { document.title = 'Kibray'; };
  }, []);
  return (
    <div className="dashboard" tabIndex={-1}>
      <header className="dashboard-head">
        <a className="icon-button only-phone" href="#/" aria-label="Back to the channels"><Icon name="back" /></a>
        <h1>Dashboard</h1>
        {now && <p className="muted">{problem === 'away' ? 'Connection lost; these are the last figures' : `Running for ${duration(now.uptime_seconds)}`}</p>}
      </header>
      {now ? (
        <div className="dashboard-body">
          <Tiles now={now} />
          <LiveCharts seen={seen} />
          <HistoryCharts />
          <div className="cards">
            <Ranking title="By channel" nameTitle="Channel" counts={now.connections.by_channel} />
            <Ranking title="By user" nameTitle="User" counts={now.connections.by_user} />
            <Errors errors={now.errors} />
          </div>
        </div>
      ) : problem ? (
        <div className="empty">
          <Icon name={problem === 'forbidden' ? 'lock' : 'chart'} size={48} />
          <h2>{SENTENCES[problem][0]}</h2>
          <p className="muted">{SENTENCES[problem][1]}</p>
        </div>
      ) : (
        <div className="dashboard-body" role="status" aria-label="Loading the figures">
          <div className="metrics">{[0, 1, 2, 3, 4, 5].map((i) => <div key={i} className="metric skeleton" />)}</div>
        </div>
      )}
    </div>
  );
}
