// `npm run setup`: installs what `npm start` and `npm test` would install first, and nothing else. With `--for-tests` also the packages
// without which some tests are skipped.
import { ensureModules, ensurePackages, exitWith, pinnedNode, requirePlatform, toStderr } from './prepare.mjs';

try {
  requirePlatform();
  await ensureModules();
  await ensurePackages(toStderr, process.env, process.argv.includes('--for-tests'));
  toStderr(`Ready: Node at ${pinnedNode()}`);
} catch (error) {
  exitWith(error);
}
