/** What a run reported over its steps, from what was loaded and what has come since. */
import { get } from './api.js';
import { number, sigmaMin } from './format.js';

const MAX_POINTS = 1000;

export class History {
  progress = [];
  verdicts = [];
  #run;
  #attempt = null;

  constructor(run) {
    this.#run = run;
  }

  /** Loads what the service knows, and keeps what came meanwhile. */
  async load({ withVerdicts = true } = {}) {
    const attempt = this.#attempt;
    const path = `runs/${encodeURIComponent(this.#run)}`;
    const progress = (await get(`${path}/progress`, { max_points: MAX_POINTS })).progress.map(progressPoint);
    const verdicts = withVerdicts
      ? (await get(`${path}/verdicts`, { max_points: MAX_POINTS })).verdicts.map(verdictPoint)
      : this.verdicts;
    if (attempt === this.#attempt) {
      this.progress = merged(progress, this.progress);
      this.verdicts = merged(verdicts, this.verdicts);
    }
  }

  /** Takes the run as a stream tells it; returns whether it has started anew, so that it has to be loaded again. */
  take(run) {
    const attempt = run.header?.attempt ?? null;
    const anew = this.#attempt !== null && attempt !== this.#attempt;
    this.#attempt = attempt;
    if (anew) {
      this.progress = [];
      this.verdicts = [];
    }
    if (run.progress) {
      this.progress = merged(this.progress, [progressPoint(run.progress)]);
    }
    for (const verdict of [run.witnessVerdict, run.latestVerdict]) {
      if (verdict) {
        this.verdicts = merged(this.verdicts, [verdictPoint(verdict)]);
      }
    }
    return anew;
  }

  /** The points of a figure, of the steps at which it was measured. */
  of(figure) {
    return this.progress.map((point) => ({ x: point.step, y: point[figure] })).filter(({ y }) => y !== null);
  }

  /** Whether the loss is known of mini-batches only. */
  get ofMiniBatches() {
    return this.progress.every(({ trainLoss }) => trainLoss === null) && this.progress.some(({ batchLoss }) => batchLoss !== null);
  }

  /** The points of the bound on σ_min, where there is one. */
  bounds() {
    return this.verdicts
      .map(({ step, verdict }) => ({ x: step, y: sigmaMin(verdict.certificate) }))
      .filter(({ y }) => y !== null);
  }
}

function progressPoint(progress) {
  return {
    step: number(progress.step),
    trainLoss: number(progress.trainLoss),
    batchLoss: number(progress.batchLoss),
    testLoss: number(progress.testLoss),
    trainError: number(progress.trainError),
    testError: number(progress.testError),
  };
}

function verdictPoint(verdict) {
  return { step: number(verdict.step), verdict };
}

/** Both lists in the order of their steps, the later one's where both have a step. */
function merged(earlier, later) {
  const last = earlier.at(-1)?.step ?? -1;
  if (later.length > 0 && later.every(({ step }, index) => step > (index === 0 ? last : later[index - 1].step))) {
    return [...earlier, ...later];
  }
  const bySteps = new Map([...earlier, ...later].map((point) => [point.step, point]));
  return [...bySteps.values()].sort((a, b) => a.step - b.step);
}
