// A line chart on a canvas: lines with gaps, ticks, a crosshair that names the nearest line.
import { el } from './dom.js';
import { clock, series, short } from './format.js';

const MARGIN = { left: 56, right: 8, top: 8, bottom: 22 };
const LEGEND_MAX = 100;

/** Step sizes 1, 2, 5 × 10^n: about `count` ticks between low and high. */
export function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
  const out = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) out.push(i * step);
  return out;
}

/** Cuts a series' points where a step is missing or a value is not finite: a gap is not a line. */
export function runs(points, step) {
  const out = [];
  let run = [];
  let last = -Infinity;
  for (const [t, v] of points) {
    if (run.length && (!Number.isFinite(v) || t - last > step * 1.5)) {
      out.push(run);
      run = [];
    }
    if (Number.isFinite(v)) run.push([t, v]);
    last = t;
  }
  if (run.length) out.push(run);
  return out;
}

export class Chart {
  constructor(root) {
    this.canvas = root.querySelector('canvas');
    this.tip = root.querySelector('#tip');
    this.legend = root.querySelector('#legend');
    this.lines = [];
    this.canvas.addEventListener('pointermove', (e) => this.point(e));
    this.canvas.addEventListener('pointerleave', () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  /** `answer`: series of a matrix, [{metric, values: [[seconds, "number"]]}]. */
  show(answer, start, end, step) {
    Object.assign(this, { start, end });
    this.lines = answer.map((s, i) => ({
      name: series(s.metric),
      colour: `--line-${(i % 8) + 1}`,
      hidden: false,
      runs: runs((s.values || []).map(([t, v]) => [t, Number(v)]), step),
    }));
    this.showLegend();
    this.draw();
  }

  showLegend() {
    const items = this.lines.slice(0, LEGEND_MAX).map((line) => {
      const mark = el('i');
      mark.style.background = `var(${line.colour})`;
      const button = el('button', { type: 'button', 'aria-pressed': 'true' }, mark, line.name);
      button.addEventListener('click', () => {
        line.hidden = !line.hidden;
        button.setAttribute('aria-pressed', String(!line.hidden));
        this.draw();
      });
      return el('li', null, button);
    });
    const more = this.lines.length - items.length;
    if (more > 0) items.push(el('li', { class: 'soft' }, `… and ${more} more`));
    this.legend.replaceChildren(...items);
  }

  visible() {
    return this.lines.filter((l) => !l.hidden);
  }

  scale() {
    let low = Infinity;
    let high = -Infinity;
    for (const line of this.visible())
      for (const run of line.runs)
        for (const [, v] of run) {
          low = Math.min(low, v);
          high = Math.max(high, v);
        }
    if (low > high) [low, high] = [0, 1];
    if (low > 0 && low < high * 0.6) low = 0;
    if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const plot = { w: width - MARGIN.left - MARGIN.right, h: height - MARGIN.top - MARGIN.bottom };
    return {
      low, high, width, height,
      x: (t) => MARGIN.left + ((t - this.start) / (this.end - this.start || 1)) * plot.w,
      y: (v) => MARGIN.top + (1 - (v - low) / (high - low)) * plot.h,
      time: (x) => this.start + ((x - MARGIN.left) / plot.w) * (this.end - this.start),
    };
  }

  draw(crosshair) {
    const s = this.scale();
    if (!s.width) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = s.width * ratio;
    this.canvas.height = s.height * ratio;
    const g = this.canvas.getContext('2d');
    g.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name);

    this.drawAxes(g, s, colour);
    g.lineWidth = 1.5;
    for (const line of this.visible()) {
      g.strokeStyle = g.fillStyle = colour(line.colour);
      for (const run of line.runs) {
        g.beginPath();
        if (run.length === 1) g.arc(s.x(run[0][0]), s.y(run[0][1]), 2, 0, 7);
        else for (const [t, v] of run) g.lineTo(s.x(t), s.y(v));
        if (run.length === 1) g.fill();
        else g.stroke();
      }
    }
    if (crosshair) {
      g.fillStyle = colour(crosshair.line.colour);
      g.beginPath();
      g.arc(s.x(crosshair.t), s.y(crosshair.v), 4, 0, 7);
      g.fill();
    }
  }

  drawAxes(g, s, colour) {
    g.font = '11px system-ui, sans-serif';
    g.strokeStyle = colour('--rule');
    g.fillStyle = colour('--soft');
    g.textBaseline = 'middle';
    g.textAlign = 'right';
    for (const v of ticks(s.low, s.high, 5)) {
      g.beginPath();
      g.moveTo(MARGIN.left, s.y(v));
      g.lineTo(s.width - MARGIN.right, s.y(v));
      g.stroke();
      g.fillText(short(v), MARGIN.left - 6, s.y(v));
    }
    g.textAlign = 'center';
    const times = Math.max(2, Math.min(6, Math.floor(s.width / 120)));
    for (let i = 0; i < times; i++) {
      const t = this.start + ((i + 0.5) / times) * (this.end - this.start);
      g.fillText(clock(t, this.end - this.start > 86400), s.x(t), s.height - 8);
    }
  }

  /** The point nearest to the pointer, over all visible lines. */
  nearest(s, px, py) {
    let best = null;
    for (const line of this.visible())
      for (const run of line.runs)
        for (const [t, v] of run) {
          const distance = Math.abs(s.x(t) - px) * 3 + Math.abs(s.y(v) - py);
          if (!best || distance < best.distance) best = { line, t, v, distance };
        }
    return best;
  }

  point(event) {
    const s = this.scale();
    const found = event && this.nearest(s, event.offsetX, event.offsetY);
    this.tip.hidden = !found;
    this.draw(found);
    if (!found) return;
    this.tip.textContent = `${clock(found.t, true)} — ${found.v} — ${found.line.name}`;
    const left = s.x(found.t) < s.width / 2;
    this.tip.style.left = left ? 'auto' : `${MARGIN.left}px`;
    this.tip.style.right = left ? `${MARGIN.right}px` : 'auto';
  }
}
