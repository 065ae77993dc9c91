// Constructs the worker and wires its parts; runs until it is told to stop.
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Config } from './config/load.ts';
import { hasRegistry, makeDirectory } from './config/make-directory.ts';
import { openLock } from './config/worker-directory.ts';
import { adminAccess } from './http/admin/access.ts';
import { dashboard } from './http/admin/dashboard.ts';
import { gauges } from './http/admin/gauges.ts';
import { imagePaths } from './http/admin/images.ts';
import { observing } from './http/admin/observing.ts';
import { Paths } from './http/admin/paths.ts';
import { registry } from './http/admin/registry.ts';
import { SockMode, type SockModeOptions } from './http/admin/sock-mode.ts';
import { listenOnSocket } from './http/admin/socket.ts';
import { status } from './http/admin/status.ts';
import { table } from './http/admin/table.ts';
import { timedBackend, timedRegistry } from './http/admin/timed.ts';
import { chooseEngine } from './http/engines.ts';
import { plain } from './http/error-reply.ts';
import { type RouteDeps, routes } from './http/routes.ts';
import { Catalog } from './lambda/catalog.ts';
import { sandboxLimits, settingsOf } from './lambda/deployment.ts';
import { callEntry, phasesUs } from './observe/call-entry.ts';
import { Dashboard } from './observe/dashboard/dashboard.ts';
import { openLog } from './observe/log.ts';
import { Output } from './observe/output.ts';
import { ProcessGauges } from './observe/process-gauges.ts';
import { Profiler } from './observe/profile.ts';
import { Metrics } from './observe/prometheus.ts';
import { Recorder } from './observe/recorder.ts';
import { RegistryEditor } from './registry/editor.ts';
import { intoStore } from './registry/into-store.ts';
import { credentialsOf } from './registry/oci/open-images.ts';
import { directoryOf, openRegistry } from './registry/registries.ts';
import { Shelf } from './registry/shelf.ts';
import { Store } from './registry/store.ts';
import { UnpackPool } from './registry/unpack-pool.ts';
import { languages } from './runtime/languages.ts';
import { openBackend } from './sandbox/backends.ts';
import { entryCheck } from './sandbox/entry-check.ts';
import { loadNative, type Native, packageRoot } from './sandbox/sock/native.ts';
import { Signals } from './signals.ts';
import { stop } from './stopping.ts';

const mib = 1 << 20;
const mostUpload = 256 * mib;
/** A lambda's own zygote is an interpreter and all that its handler imports. */
const mostLambdaZygotes = 8;
/**
 * uWebSockets (v20.48) reads a socket again at once, paused or not, when a read has filled its buffer of 512 KiB: a quick sender held the event loop until
 * 140 MB had come. The kernel keeps at most twice this, so no read fills the buffer.
 */
const receiveBytes = 200 << 10;
export async function runWorker(config: Config, onListening: (url: string, engine: string) => void): Promise<void> {
  process.umask(0o022); // sandboxes read what is generated here
  // What a request needs is young when it is over. V8 guesses otherwise from the first of them, and its garbage among the old costs a third of the warm path.
  setFlagsFromString('--no-allocation-site-pretenuring');
  const signals = new Signals(); // from the start: a signal that comes while it starts must not leave a half-made worker
  if (config.log_output !== 'stdout') makeDirectory(dirname(config.log_output));
  const log = openLog(config.log_output, config.log_level);
  const logsCalls = log.isLevelEnabled('debug');
  const engine = chooseEngine(
    (cause, requestId) => log.error({ requestId, err: cause }, 'a handler of the front end threw, answering 500'),
    {
      headerBytes: config.limits.header_kb * 1024,
      prefer: config.http_engine,
    },
  );
  if (engine.reason !== undefined) log.warn(`front end on ${engine.name}: ${engine.reason}`);
  const native = loadNative();
  claim(native, config.worker_dir);
  const { limits } = config;
  const maxSandboxes = Math.max(1, Math.floor(config.mem_pool_mb / limits.mem_mb));
  const { base_image: baseImage, ...place } = config.docker;
  const backend = await openBackend(config.sandbox, {
    native,
    workerDir: config.worker_dir,
    limits: sandboxLimits(limits),
    strict: limits.enforce === 'strict',
    standbys: { least: config.standbys, most: config.max_standbys },
    sock: {
      base: config.sock_base_path === 'host' ? '/' : config.sock_base_path,
      maxSandboxes,
      lambdaZygotes: config.lambda_zygotes === 'auto' ? mostLambdaZygotes : 0,
    },
    docker: { ...place, baseImage, credentials: credentialsOf(config) },
    log: (level, text, cause) => log[level](cause === undefined ? {} : { err: cause }, text),
  });
  signals.onSecond = (signal) => {
    backend.kill();
    log.error(
      `${signal}: told a second time, ending at once: calls are cut; cgroups and the socket are left, which worker force-cleanup or the next start removes, and what was half unpacked, which the next start does`,
    );
    process.exit(128 + constants.signals[signal]);
  };
  const pool = new UnpackPool();
  const store = new Store({ dir: join(config.worker_dir, 'store'), pool });
  const directory = directoryOf(config);
  if (directory !== undefined && !hasRegistry(directory, config.worker_dir))
    log.warn(
      `find the registry "${directory}": no such directory (is the config key right?), going on: calls are answered 503 until it is there`,
    );
  const codeRegistry = openRegistry(config, {
    store,
    pool,
    note: (text) => log.info(text),
    warn: (text, cause) => log.warn({ err: cause }, text),
  });
  const recorder = new Recorder({ traced: config.trace.requests });
  const output = new Output();
  const evictions = new Map<string, number>();
  const onLine: SockModeOptions['onLine'] = (lambda, stream, line, requestId) => {
    log.info({ lambda, stream, requestId }, line);
    output.add(lambda, { time: Date.now(), stream, requestId, line });
  };
  const timed = timedBackend(backend, recorder.stats);
  const catalog = new Catalog({
    backend: timed,
    registry: timedRegistry(codeRegistry, recorder.stats),
    holder: codeRegistry,
    memoryBytes: config.mem_pool_mb * mib,
    eviction: config.eviction,
    defaults: config,
    registryCacheMs: config.registry_cache_ms,
    events: {
      onColdStart: (_, start, ms) => {
        recorder.stats.add('Create()', ms);
        if (start === 'forked') recorder.stats.add('fork()', ms);
      },
      onEvict: (_, reason) => evictions.set(reason, (evictions.get(reason) ?? 0) + 1),
      onWarmUpFailed: (lambda, error) =>
        log.warn({ lambda, err: error }, 'no instance could be made ready, trying again when the code changes'),
      onWarning: (lambda, warning) => log.warn({ lambda }, warning),
    },
    onLine,
  });
  const sock =
    config.server_mode === 'sock'
      ? new SockMode({
          backend: timed,
          archive: async (path) => {
            const digest = await intoStore({ store, pool }, 'archive', path);
            return { digest, dir: store.path(digest), release: () => store.release(digest) };
          },
          languages,
          most: maxSandboxes,
          timeLimitMs: limits.runtime_sec * 1000,
          queue: limits.queue,
          stats: recorder.stats,
          memory: () => backend.memory(),
          onLine,
        })
      : undefined;
  const called = sock ?? catalog;
  const counts = () => ({ ...catalog.status(), ...sock?.counts });

  const checkEntry = entryCheck();
  const editor =
    directory === undefined
      ? undefined
      : new RegistryEditor({
          dir: directory,
          store,
          pool,
          check: (dir) => checkEntry(dir, settingsOf(dir, config)),
          onChanged: (name) => catalog.look(name).catch(() => {}), // what is wrong with it is told to its next call
        });
  const shelf = new Shelf({ dir: directory, registry: codeRegistry });
  void editor?.sweep(); // in the background
  const ownGauges = new ProcessGauges();
  const profiler = new Profiler({
    limitMs: 300_000,
    onLimit: () => log.warn('CPU profile: nobody ended it within 5 minutes, ignoring it'),
  });
  const metrics = new Metrics(recorder, () => {
    const { standbys, lambdaZygotes } = backend.status();
    const now = { catalog: counts(), lambdas: catalog.details(), evictions, standbys, lambdaZygotes };
    return [...ownGauges.gauges(), ...gauges(now)];
  });
  let state: 'ready' | 'draining' | 'stopping' = 'ready';
  const board = new Dashboard({
    dir: join(packageRoot(), 'src/observe/dashboard/page'),
    recorder,
    state: () => state,
    totals: counts,
    lambdas: catalog,
    backend: () => backend.status(),
  });
  const paths = new Paths({
    access: adminAccess({ adminApi: config.adminApi, token: config.admin_token, host: config.worker_url }),
    routes: table({
      status: status({
        ready: () => state === 'ready',
        details: () => ({ engine: engine.name, ...counts(), ...backend.status() }),
        own: () => ({ pid: process.pid, engineReason: engine.reason, registry: directory }),
      }),
      mode: sock === undefined ? { registry: registry({ shelf, editor, uploadLimit: mostUpload }) } : { sock: sock.answerers },
      observing: observing({
        recorder,
        metrics,
        profiler,
        output,
        exists: (name) => (sock ?? shelf).has(name),
        status: () => catalog.status(),
        details: () => catalog.details(),
        memory: () => backend.memory(),
        pulls: () => codeRegistry.images.underWay(),
      }),
      images: imagePaths(codeRegistry.images),
      dashboard: dashboard(board),
      pid: () => ({ headers: [plain], body: `${process.pid}\n` }),
    }),
    onFault: (error, requestId) => log.error({ requestId, err: error.cause ?? error }, error.message),
  });
  const deps: RouteDeps = {
    invoke: (call) => called.invoke(call),
    takesWhole: (lambda) => called.takesWhole(lambda),
    accepts: () => state !== 'stopping',
    paths,
    bodyLimit: limits.body_mb * mib,
    sandboxPages: config.adminApi !== 'off',
    forceStart: config.force_start,
    sampled: config.trace.requests > 0,
    record: (finished, error) => {
      recorder.record(finished);
      if (error !== undefined) board.note(finished, error.message);
      if (logsCalls) log.debug(callEntry(finished), 'call');
    },
    log: ({ level, message, phases, cause, ...of }) => log[level]({ ...of, phasesUs: phasesUs(phases), err: cause }, message),
  };
  const [listening, socket] = await backend
    .start()
    .then(async () => {
      const tcp = await engine.listen({ host: config.worker_url, port: config.worker_port, handler: routes(deps) });
      native.boundReceive(tcp.port, receiveBytes);
      return [tcp, await listenOnSocket(engine, config.worker_dir, routes(deps, 'socket'), (line) => log.warn(line))] as const;
    })
    .catch(async (cause: unknown) => {
      await backend.close().catch((error: unknown) => log.warn({ err: error }, 'give back what a failed start had, ignoring'));
      throw cause;
    });
  const host = config.worker_url.includes(':') ? `[${config.worker_url}]` : config.worker_url;
  onListening(`http://${host}:${listening.port}`, engine.name);

  await stop(await signals.first, {
    log,
    drainMs: config.drain_ms,
    callLimitMs: limits.runtime_sec * 1000,
    enter: (now) => {
      state = now;
    },
    stopAccepting: () => listening.stopAccepting(),
    answered: (signal) => called.drain(signal),
    close: async () => {
      await sock?.close();
      await catalog.close();
      listening.closeAll();
      socket.closeAll();
      profiler.close();
      ownGauges.close();
      await backend.close();
      await codeRegistry.close();
      await store.close();
      await pool.close();
    },
  });
}

/** Two workers in one directory would take each other's sandboxes for leftovers. */
function claim(native: Native, workerDir: string): void {
  if (!native.lock(openLock(workerDir))) throw new Error(`use worker_dir "${workerDir}": another worker runs in it`);
}
