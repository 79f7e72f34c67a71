import { WeftError } from '@weft/core/weft-error';
import { BadPart } from './request-error.ts';

/** The object is not at the revision that the request was made for (neutron-api.md §1.7). */
export class RevisionMismatch extends WeftError {
  constructor(wanted: number, actual: number) {
    super('revision_number_constraint_failed', `Constrained to ${wanted}, but current revision is ${actual}`, {
      remedy: 'Read the object again and decide anew.',
    });
  }
}

/**
 * The revision that a request is bound to: `If-Match: revision_number=5`. Etags of other kinds bind it to nothing. Throws BadPart for
 * two of them, and for one that is no number.
 */
export function parseIfMatch(header: string | undefined): number | undefined {
  const tags = (header ?? '').split(',').map((tag) => tag.trim().replaceAll('"', ''));
  const wanted = tags.filter((tag) => tag.startsWith('revision_number='));
  if (wanted.length > 1) throw new BadPart('if-match', 'Multiple revision_number constraints are not supported');
  const number = wanted[0]?.slice('revision_number='.length);
  if (number === undefined) return undefined;
  if (!/^\d{1,15}$/.test(number)) throw new BadPart('if-match', 'Revision number must be an integer');
  return Number(number);
}

/** Throws RevisionMismatch. */
export function checkRevision(wanted: number | undefined, actual: number | undefined): void {
  if (wanted !== undefined && actual !== undefined && wanted !== actual) throw new RevisionMismatch(wanted, actual);
}
