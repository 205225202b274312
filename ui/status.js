// What comes in, what is scraped, and where to send: refreshed every few seconds.
import * as api from './api.js';
import { $, el, table } from './dom.js';
import { ago, short } from './format.js';

const EVERY_MS = 5000;

let before = null; // {at, samples} of the last look, for rates

export function startStatus() {
  refresh();
  showEndpoints();
  setInterval(() => document.hidden || refresh(), EVERY_MS);
}

async function refresh() {
  try {
    const [info, list, own] = await Promise.all([api.buildInfo(), api.targets(), api.ownMetrics()]);
    $('#server').textContent = `version ${info.data.telltaleVersion}, up`;
    showTargets(list.data.activeTargets);
    showReceiving(own);
  } catch (error) {
    $('#server').textContent = `cannot reach the server: ${error.message}`;
  }
}

function showTargets(targets) {
  if (!targets.length) return;
  const rows = targets.map((t) => el('tr', null,
    el('td', { class: t.health }, t.health),
    el('td', null, t.scrapePool),
    el('td', null, t.scrapeUrl),
    el('td', null, ago(t.lastScrape)),
    el('td', { class: 'number' }, `${(t.lastScrapeDuration * 1000).toFixed(1)} ms`),
    el('td', null, t.lastError)));
  $('#targets').replaceChildren(table(['Health', 'Job', 'Address', 'Last scrape', '#Took', 'Error'], rows));
}

/** Counters of the receivers, one row a protocol. */
function showReceiving(own) {
  const at = performance.now();
  const rows = new Map();
  for (const { name, labels, value } of own) {
    const kind = { telltale_receive_samples_total: 'samples', telltale_receive_rejected_total: 'rejected',
      telltale_receive_bytes_total: 'bytes' }[name];
    if (!kind) continue;
    const row = rows.get(labels.protocol) || { samples: 0, rejected: 0, bytes: 0 };
    row[kind] += value;
    rows.set(labels.protocol, row);
  }
  const rate = (protocol, kind, value) => {
    const old = before?.rows.get(protocol);
    return old ? short(Math.max(0, value - old[kind]) / ((at - before.at) / 1000)) : '…';
  };
  const lines = [...rows].sort().map(([protocol, r]) => el('tr', null,
    el('td', null, protocol),
    el('td', { class: 'number' }, rate(protocol, 'samples', r.samples)),
    el('td', { class: 'number' }, rate(protocol, 'bytes', r.bytes)),
    el('td', { class: 'number' }, short(r.samples)),
    el('td', { class: r.rejected ? 'number down' : 'number' }, short(r.rejected))));
  if (lines.length)
    $('#receiving').replaceChildren(
      table(['Protocol', '#Samples/s', '#Bytes/s', '#Samples', '#Rejected'], lines));
  before = { at, rows };
}

async function showEndpoints() {
  const { data } = await api.flags().catch(() => ({ data: {} }));
  const here = location.origin;
  const rows = [
    ['OTLP over HTTP', `${here}/v1/metrics`, data['otlp.http.address']],
    ['OTLP over gRPC', data['otlp.grpc.address'] || 'off'],
    ['Prometheus remote write', `${here}/api/v1/write`],
    ['Grafana data source (Prometheus)', here],
  ];
  $('#endpoints').replaceChildren(...rows.flatMap(([what, where, also]) => [
    el('dt', null, what),
    el('dd', null, el('code', null, where), also && also !== 'off' ? ` and ${also}` : ''),
  ]));
}
