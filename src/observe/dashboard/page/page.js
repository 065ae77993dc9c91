// Asks the worker each second, and shows what it says. It goes on when the worker does not answer, or when another one does.
import { Chart } from './chart.js';
import { clock, duration, find, rate, say, whole } from './dom.js';
import { Errors } from './errors.js';
import { Lambdas } from './lambdas.js';
import { latency } from './latency.js';
import { node } from './node.js';
import { Requests } from './requests.js';

const everyMs = 1000;
const patienceMs = 5000;
/** Of samples that are drawn. */
const keptMs = 300_000;

const errors = new Errors();
const requests = new Requests(() => again());
const lambdas = new Lambdas((name) => requests.ofLambda(name));
const [rates, flights] = [new Chart(find('rate-chart')), new Chart(find('flight-chart'))];

let token = '';
let started;
let since = 0;
let samples = [];
let last;
/** The one question that is under way, or the pause until the next. */
let waiting;
let asking = new AbortController();

for (const radio of document.querySelectorAll('[name=span]')) radio.addEventListener('change', () => last && latency(last.latency));
document.addEventListener('visibilitychange', () => (document.hidden ? pause() : void ask()));
find('token').addEventListener('submit', (event) => {
  event.preventDefault();
  token = find('token-text').value;
  find('token').hidden = true;
  again();
});
void ask();

/** From the beginning: all that the worker still knows. */
function again() {
  forget();
  void ask();
}

function forget() {
  since = 0;
  samples = [];
  requests.clear();
  errors.clear();
}

function pause() {
  clearTimeout(waiting);
  asking.abort();
}

async function ask() {
  pause();
  asking = new AbortController();
  const { signal } = asking;
  const told = await answer(signal);
  if (signal.aborted) return;
  if (told !== 'useless' && !document.hidden) waiting = setTimeout(ask, isAnother(told) ? 0 : everyMs);
  if (typeof told === 'object') show(told);
}

/** What the worker says; undefined when it does not, `useless` when it is of no use to ask again. */
async function answer(signal) {
  const query = new URLSearchParams({ since, ...requests.filter });
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  try {
    const reply = await fetch(`/dashboard/data?${query}`, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) });
    if (reply.ok) return await reply.json();
    const { error } = await reply.json().catch(() => ({}));
    state('refused', 'lost');
    say(find('notice'), error?.message ?? `The worker answered ${reply.status}.`);
    if (reply.status !== 401) return undefined;
    find('token').hidden = false;
    find('token-text').focus();
    return 'useless';
  } catch (error) {
    if (signal.aborted) return undefined;
    state('no answer', 'lost');
    say(find('notice'), `The worker does not answer (${error.message}). What is shown is its last word; asking again each second.`);
    return undefined;
  }
}

/** Whether it is the word of a worker that was started since. */
function isAnother(told) {
  return started !== undefined && told?.started !== undefined && told.started !== started;
}

function show(told) {
  const wasLost = find('state').dataset.state === 'lost';
  state(told.state, told.state === 'ready' ? 'ready' : 'leaving');
  if (isAnother(told)) {
    say(find('notice'), `The worker was started anew at ${clock(told.started)}; all is counted from then on.`);
    forget(); // and all that the new one knows is asked for
    started = told.started;
    return;
  }
  if (wasLost) say(find('notice'), '');
  started = told.started;
  since = told.now;
  last = told;
  find('main').hidden = false;
  say(find('uptime'), `up ${duration(told.now / 1000)}`);
  samples = [...samples, ...told.samples].filter(({ at }) => told.now - at <= keptMs);
  lines(told);
  latency(told.latency);
  node({ ...told, cpu: perMs(({ cpuMs }) => cpuMs) });
  lambdas.show(told.lambdas);
  requests.names(told.lambdas.rows);
  requests.add(told.requests, told);
  errors.add(told.errors);
}

function lines({ now, inFlight, queued }) {
  const points = samples.slice(1).map((sample, i) => {
    const before = samples[i];
    const seconds = (sample.at - before.at) / 1000;
    return [sample.at, (sample.requests - before.requests) / seconds, (sample.errors - before.errors) / seconds];
  });
  const [, perSecond = 0, failing = 0] = points.at(-1) ?? [];
  say(find('rate'), rate(perSecond));
  say(find('rate-errors'), failing === 0 ? 'none failing' : `${rate(failing)} failing`);
  find('rate-errors').classList.toggle('bad', failing > 0);
  rates.draw(points, now, rate);
  say(find('flight'), whole(inFlight));
  say(find('queued'), `${whole(queued)} queued`);
  flights.draw(
    samples.map((sample) => [sample.at, sample.inFlight, sample.queued]),
    now,
    whole,
  );
}

/** Of the last two samples. */
function perMs(count) {
  const [before, after] = samples.slice(-2);
  return after === undefined ? undefined : (count(after) - count(before)) / (after.at - before.at);
}

function state(text, kind) {
  say(find('state'), text);
  find('state').dataset.state = kind;
  document.title = kind === 'ready' ? 'sock-worker' : `${text} – sock-worker`;
}
