// `npm run setup`: installs what `npm start` and `npm test` would install first, and nothing else.
import { ensureModules, ensurePackages, exitWith, pinnedNode, requirePlatform, toStderr } from './prepare.mjs';

try {
  requirePlatform();
  await ensureModules();
  await ensurePackages();
  toStderr(`Ready: Node at ${pinnedNode()}`);
} catch (error) {
  exitWith(error);
}
