// The query box: an expression over a range, as a graph or a table. The URL's hash keeps the question.
import * as api from './api.js';
import { Chart } from './chart.js';
import { $, el, table } from './dom.js';
import { series } from './format.js';

const POINTS = 250;
const ROWS_MAX = 1000;

let chart;
let asked = 0; // only the newest question may show its answer

export function startQuery() {
  chart = new Chart($('#chart'));
  const form = $('#query');
  const saved = new URLSearchParams(location.hash.slice(1) || linked());
  for (const name of ['expr', 'range', 'view'])
    if (saved.has(name)) form.elements[name].value = saved.get(name);
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    run(form);
  });
  form.addEventListener('change', (e) => {
    if (e.target.name !== 'expr' && form.elements.expr.value.trim()) run(form);
  });
  if (form.elements.expr.value.trim()) run(form);
  api.metricNames().then(({ data }) => {
    $('#metric-names').replaceChildren(...data.map((name) => el('option', { value: name })));
  }, () => {}); // completion is a convenience; the query itself will say what is wrong
}

// What a link to Prometheus's page asks: Grafana and alerts have such links.
function linked() {
  const asked = new URLSearchParams(location.search);
  if (!asked.has('g0.expr')) return '';
  const tab = asked.get('g0.tab') || 'graph';
  return new URLSearchParams({
    expr: asked.get('g0.expr'),
    range: nearestRange(seconds(asked.get('g0.range_input') || '1h')),
    view: tab === '1' || tab === 'table' ? 'table' : 'graph',
  });
}

// "1h30m" or "5400s".
function seconds(duration) {
  const units = { y: 31536000, w: 604800, d: 86400, h: 3600, m: 60, s: 1, ms: 0.001 };
  return [...duration.matchAll(/(\d+)(ms|[ywdhms])/g)].reduce((sum, [, n, unit]) => sum + n * units[unit], 0);
}

function nearestRange(wanted) {
  const offered = [...$('#query').elements.range.options].map((one) => Number(one.value));
  return offered.find((range) => range >= wanted) || offered.at(-1);
}

async function run(form) {
  const expr = form.elements.expr.value.trim();
  const range = Number(form.elements.range.value);
  const view = form.elements.view.value;
  if (!expr) return;
  history.replaceState(null, '', `/#${new URLSearchParams({ expr, range, view })}`);
  const mine = ++asked;
  note('running…');
  const began = performance.now();
  try {
    const end = Date.now() / 1000;
    const step = Math.max(1, Math.round(range / POINTS));
    const answer = view === 'graph'
      ? await api.queryRange(expr, end - range, end, step)
      : await api.queryInstant(expr, end);
    if (mine !== asked) return;
    const { data } = answer;
    if (view === 'graph') chart.show(data.result, end - range, end, step);
    $('#chart').hidden = view !== 'graph';
    $('#table').replaceChildren(...(view === 'graph' ? [] : [resultTable(data)]));
    const isList = data.resultType === 'vector' || data.resultType === 'matrix';
    const count = isList ? data.result.length : 1; // a scalar's two elements are time and value
    const notes = [...(answer.warnings || []), ...(answer.infos || [])];
    note([`${count} series in ${Math.round(performance.now() - began)} ms`, ...notes].join(' · '));
  } catch (error) {
    if (mine === asked) note(error.message, true);
  }
}

function note(text, isError) {
  const p = $('#query-note');
  p.textContent = text;
  p.className = isError ? 'error' : '';
}

function resultTable({ resultType, result }) {
  if (resultType === 'scalar' || resultType === 'string')
    return table(['Value'], [el('tr', null, el('td', null, result[1]))]);
  const rows = result.slice(0, ROWS_MAX).map((s) => el('tr', null,
    el('td', null, series(s.metric)),
    el('td', { class: 'number' }, valueText(s))));
  return table(['Series', '#Value'], rows);
}

function valueText(s) {
  if (s.value) return s.value[1];
  if (s.histogram) return `count ${s.histogram[1].count}, sum ${s.histogram[1].sum}`;
  return [...(s.values || [])].map(([t, v]) => `${v} @${t}`).join('\n');
}
