import type { Check } from '../check.ts';
import type { CheckContext } from '../check-context.ts';

export type LabCheck = Check<CheckContext>;
