import { createLogger } from '../log.ts';
import { runDaemon } from '../run-daemon.ts';

// Run by run-daemon.test.ts: a daemon whose argument says how it behaves.

const log = createLogger({ level: 'debug', name: 'test' });
const behaviour = process.argv[2];

await runDaemon(
  async (lifecycle) => {
    lifecycle.add('store', () => log.info({}, 'store closed'), { deadlineMs: 1_000 });
    lifecycle.onReload('config', () => log.info({}, 'config read'));
    switch (behaviour) {
      case 'fails at start':
        throw new Error('no such interface');
      case 'part fails':
        setImmediate(() => lifecycle.fail('watcher', new Error('broken')));
        break;
      case 'throws':
        setImmediate(() => {
          throw new Error('a bug');
        });
        break;
      case 'rejects':
        void Promise.reject(new Error('a bug'));
        break;
      case 'hangs':
        lifecycle.add('door', () => new Promise(() => undefined), { deadlineMs: 60_000 });
        break;
      case 'starts slowly':
        log.info({}, 'running');
        await new Promise((_, reject) => lifecycle.signal.addEventListener('abort', () => reject(lifecycle.signal.reason)));
        break;
      default:
    }
    log.info({}, 'running');
  },
  { log },
);
