/** Numbers and names of the wire contract, in the words of people. */

import { NETWORKS } from './networks.js';

/** protobuf's JSON mapping has 64-bit integers, NaN and infinities as strings. */
export const number = (value) => (value === undefined || value === null ? null : Number(value));

function shown(value) {
  if (value === 0) {
    return '0';
  }
  if (!Number.isFinite(value)) {
    return value > 0 ? '∞' : value < 0 ? '−∞' : 'not a number';
  }
  const size = Math.abs(value);
  const text = size >= 1e-3 && size < 1e5 ? String(value) : value.toExponential();
  return text.replace('e+', 'e').replace('-', '−').replace('e−', 'e-');
}

/** About so much, to nearest: three significant digits, if no others are wanted. */
export function about(value, digits = 3) {
  return value === null ? '–' : shown(Number(value.toPrecision(digits)));
}

// The first three significant digits, exactly, and whether others follow.
function threeDigits(value) {
  const [mantissa, exponent] = value.toExponential(60).split('e');
  const digits = mantissa.replace('.', '');
  return { leading: Number(digits.slice(0, 3)), more: /[1-9]/.test(digits.slice(3)), exponent: Number(exponent) - 2 };
}

/** A lower bound in three digits that is still one: rounded down. */
export function atLeast(value) {
  if (!(value > 0) || !Number.isFinite(value)) {
    return shown(value);
  }
  const { leading, exponent } = threeDigits(value);
  return shown(Number(`${leading}e${exponent}`));
}

/** An upper bound in three digits that is still one: rounded up. */
export function atMost(value) {
  if (!(value > 0) || !Number.isFinite(value)) {
    return shown(value);
  }
  const { leading, more, exponent } = threeDigits(value);
  return shown(Number(`${more ? leading + 1 : leading}e${exponent}`));
}

export function percent(fraction, digits = 1) {
  return fraction === null ? '–' : `${(100 * fraction).toFixed(digits).replace('-', '−')}%`;
}

/** Differences of fractions, in percentage points. */
export function points(fraction) {
  const text = (100 * fraction).toFixed(1);
  return Number(text) > 0 ? `+${text}` : Number(text) < 0 ? text.replace('-', '−') : '0.0';
}

export function seconds(value) {
  return value === null ? '–' : value < 60 ? `${about(value)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}

export function time(timestamp) {
  return timestamp ? new Date(timestamp).toLocaleString() : '–';
}

/** RUN_STATE_RUNNING → running. */
export function name(prefix, value) {
  const text = (value ?? '').replace(prefix, '').toLowerCase().replaceAll('_', '-');
  return text === 'unspecified' ? '–' : text;
}

export const state = (run) => name('RUN_STATE_', run.state);
export const variant = (run) => name('VARIANT_', run.request?.variant);
export const outcome = (certificate) => name('OUTCOME_', certificate?.outcome).toUpperCase();
export const method = (certificate) => name('CERTIFICATE_METHOD_', certificate?.method);
export const features = (verdict) => (verdict?.featureSource === 'FEATURE_SOURCE_CLIENT' ? 'as computed by the client' : 'recomputed by the checker');
export const isOfExactNetwork = (verdict) => verdict?.statement === 'STATEMENT_EXACT_NETWORK';
export const statement = (verdict) => (isOfExactNetwork(verdict) ? 'exact network' : 'as computed');
export const phase = (value) => ({ PHASE_ONE: '1', PHASE_TWO: '2' })[value] ?? '–';

/** What a program outside Fullrank says of the network that it trains, or null where a trainer trains. */
export const external = (spec) => spec?.network?.external ?? null;

/** A state in short, which says too that nothing is heard of a run that should go on. */
export const stateInShort = (run) => (run.stalled ? `${state(run)}, stalled` : state(run));

/** For styles: 'stalled' or the state. */
export const stateKind = (run) => (run.stalled ? 'stalled' : state(run));

/** The latest figures: an external run does not measure all at every step. */
export const figures = (run) => run.latestFigures ?? run.progress ?? {};

/** The loss over the training set, or that of the last mini-batch, which is said. */
export function trainingLoss(run) {
  const { trainLoss, batchLoss } = figures(run);
  return trainLoss !== undefined || batchLoss === undefined
    ? about(number(trainLoss)) : `${about(number(batchLoss))} (mini-batch)`;
}

/** The step, and out of how many where that is known. */
export function step(run) {
  const done = number(run.result?.steps) || number(run.progress?.step) || 0;
  const total = number(run.header?.totalSteps) ?? 0;
  return total > 0 ? `${done} of ${total}` : run.header && external(run.request.spec) ? String(done) : `${done} of ?`;
}

export function hasEnded(run) {
  return ['finished', 'failed', 'cancelled'].includes(state(run));
}

const camelCase = (key) => key.replace(/-./g, (end) => end[1].toUpperCase());

// The value that a place such as {wide} or {stages.channels} stands for; protobuf's JSON leaves out 0.
function valueAt(place, message) {
  const [key, part] = place.split('.').map(camelCase);
  const value = message[key] ?? 0;
  return Array.isArray(value) ? value.map((item) => (part ? item[part] : item)).join(', ') : String(value);
}

/** What a network is called: its phrase, with values in their places, and without what is in brackets where that is 0. */
export function network(spec) {
  const described = spec?.network ?? {};
  const known = NETWORKS.find(({ field, fixed }) => described[field]
    && Object.entries(fixed).every(([key, value]) => described[field][key] === value));
  if (!known) {
    return '–';
  }
  const message = described[known.field];
  const places = /\{([^}]*)\}/g;
  return known.phrase
    .replace(/\[([^\]]*)\]/g, (brackets, part) => (
      [...part.matchAll(places)].some(([, place]) => valueAt(place, message) === '0') ? '' : part))
    .replace(places, (braces, place) => valueAt(place, message));
}

/** Who trains a run. */
export const framework = (spec) => external(spec)?.framework ?? 'Fullrank';

/** Whether the features depend on the parameters analytically, as far as that is known. */
export function analytic({ analytic: all, operatorsNotAnalytic: others = [] }) {
  if (others.length > 0) {
    return `not analytic: ${others.join(', ')}`;
  }
  return all === undefined ? 'not known whether they are analytic' : all ? 'all are analytic' : 'not all are analytic';
}

/** The optimiser of an external run with its settings. */
export function optimiser(spec) {
  const { name: called = '', settings = {} } = spec?.algorithm?.external ?? {};
  const given = Object.entries(settings).sort().map(([key, value]) => `${key} ${value}`).join(', ');
  return called + (given ? ` (${given})` : '') || '–';
}

export function loss(spec) {
  return { LOSS_CROSS_ENTROPY: 'cross-entropy', LOSS_SQUARED: 'squared' }[spec?.loss]
    ?? 'another one, for which no guarantee of phase 2 is known';
}

// What a verdict is about: the matrix in words, and its symbol.
function matrixOf({ check, layers = [], examples }) {
  const some = examples ? `, of ${examples} of the training examples` : '';
  switch (check) {
    case 'expressivity': return [`feature matrix${some}`, 'Φ'];
    case 'tangent-kernel': return [`Jacobian of the outputs in the parameters of ${layers.join(', ') || 'all layers'}${some}`, 'J'];
    default: return [`matrix that was judged${some}`, 'A'];
  }
}

/** What a certificate proves, why that is so, in words. */
export function proof(verdict) {
  const { certificate, carriedFromStep } = verdict;
  const { rows, columns } = certificate;
  const bound = number(certificate.sigmaMinLowerBound);
  const [matrix, symbol] = matrixOf(verdict);
  const what = `the ${rows} rows of the ${matrix} (${rows} × ${columns})`;
  switch (`${outcome(certificate)} ${method(certificate)}`) {
    case 'CERTIFIED cholesky':
      return `Proven: ${what} are linearly independent. ${symbol}${symbol}ᵀ less a multiple of the identity has a Cholesky factorisation, `
        + `and with every rounding error of it bounded, σ_min(${symbol}) ≥ ${atLeast(bound)} is what remains.`;
    case 'CERTIFIED modular':
      return `Proven: ${what} are linearly independent. Exact elimination modulo the prime ${certificate.primes?.at(-1) ?? ''} finds as `
        + 'many pivots as rows, and a determinant that is not 0 modulo a prime is not 0.';
    case 'CERTIFIED carry-over':
      return `Proven: ${what} are linearly independent. They are so close to those certified at step ${carriedFromStep} `
        + `that by Weyl's inequality σ_min(${symbol}) ≥ ${atLeast(bound)} is left.`;
    case 'CERTIFIED structure':
      return `Proven: ${what} are linearly independent, as their structure shows.`;
    case 'REFUTED structure':
      return `Proven: ${what} are linearly dependent, as their structure shows.`;
    case 'REFUTED modular': {
      const wrong = number(certificate.falseRefutationProbability);
      if (wrong === 0) {
        return `Proven: ${what} are linearly dependent: ${certificate.reason}.`;
      }
      return `Refuted: modulo each of ${certificate.primes?.length ?? 'several'} random primes, ${what} are linearly dependent; `
        + `of independent rows that would be true with a probability of at most ${atMost(wrong ?? 1)}.`;
    }
    default:
      return outcome(certificate) === 'UNDETERMINED'
        ? 'Neither full row rank nor its opposite could be shown.'
        : `${outcome(certificate)}.`;
  }
}

/** The proven bound on σ_min of a certificate, or null. */
export const sigmaMin = (certificate) => number(certificate?.sigmaMinLowerBound);

/** A measure of a check as what it is: a bound, which rounding leaves one, an estimate, or a measured figure. */
export function measured({ value, kind }) {
  switch (kind) {
    case 'MEASURE_KIND_LOWER_BOUND': return `≥ ${atLeast(number(value))}`;
    case 'MEASURE_KIND_UPPER_BOUND': return `≤ ${atMost(number(value))}`;
    case 'MEASURE_KIND_ESTIMATE': return `≈ ${about(number(value))}`;
    default: return about(number(value));
  }
}

export const kindOfMeasure = ({ kind }) => name('MEASURE_KIND_', kind).replace('-', ' ');

/** Whether a verdict says CERTIFIED, REFUTED or UNDETERMINED, or has measures alone. */
export const hasOutcome = (verdict) => ['CERTIFIED', 'REFUTED', 'UNDETERMINED'].includes(outcome(verdict?.certificate));

/** What a verdict states, in a few words: its bounds, or the first of its measures about the whole network. */
export function statedBy(verdict) {
  if (!verdict) {
    return '';
  }
  const bound = sigmaMin(verdict.certificate);
  const measures = (verdict.measures ?? []).filter(({ layer }) => !layer);
  const gradient = measures.find((measure) => measure.name === 'gradient-norm-lower-bound');
  const stated = [
    ...(bound === null ? [] : [`σ_min ≥ ${atLeast(bound)}`]),
    ...(gradient ? [`‖∇L‖ ${measured(gradient)}`] : []),
    ...(isOfExactNetwork(verdict) ? ['exact network'] : []),
  ];
  return (stated.length > 0 ? stated : measures.slice(0, 2).map((measure) => `${measure.name} ${measured(measure)}`)).join(', ');
}

/** A verdict in short. */
export function verdictInShort(verdict) {
  if (!verdict) {
    return '–';
  }
  return [
    ...(hasOutcome(verdict) ? [outcome(verdict.certificate)] : []),
    ...(statedBy(verdict) ? [statedBy(verdict)] : []),
    ...(verdict.featureSource === 'FEATURE_SOURCE_CLIENT' ? ['features as computed by the client'] : []),
  ].join(', ') || '–';
}

/** What is marked on charts over steps: the switch to phase 2, and what rules did. */
export function marks(run) {
  const step = number(run?.header?.switchStep);
  return [
    ...(step === null ? [] : [{ step, label: 'phase 2', style: 'muted' }]),
    ...(run?.ruleEvents ?? []).map((event) => ({ step: number(event.step), label: ruleAction(event), style: 'wait' })),
  ];
}

export const ruleAction = ({ action }) => name('RULE_ACTION_', action);
export const ruleCondition = ({ condition }) => name('RULE_CONDITION_', condition);
