import { KNOWN_DHCP_OPTIONS, knownDhcpOption } from './dhcp-option-table.ts';
import { Fields, parseString } from './fields.ts';
import type { Parse } from './fields.ts';
import { InvalidValue, WeftError } from './weft-error.ts';

/**
 * An option that DHCP tells a port beside, or in place of, those of its subnet (neutron-api.md §5.1, `extra_dhcp_opts`). `name` is as it was
 * given: a name of the table or a code in digits. An empty value, where the table allows one, keeps the subnet's option from the port.
 */
export type DhcpOption = Readonly<{ name: string; value: string }>;

/** `value` null: the port has it no longer. */
export type DhcpOptionChange = Readonly<{ name: string; value: string | null }>;

/** As the plan has it: a name or a code of dnsmasq, and a value that its reader takes as it is. */
export type PlannedDhcpOption = Readonly<{ name: string; value: string }>;

/** What of a subnet's options a port can do without. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['router', 'classless-static-route']);
const MAX_VALUE_LENGTH = 255;
/** The number that older Windows asks for classless routes by. */
const OLD_CLASSLESS_ROUTES = '249';

/** Checks names and values. Throws WeftError (`extra_dhcp_opt_bad_data`) naming the option and what is wrong with it. */
export function changedDhcpOptions(
  old: readonly DhcpOption[] | undefined,
  changes: readonly DhcpOptionChange[],
): readonly DhcpOption[] | undefined {
  const options = new Map((old ?? []).map((option) => [known(option.name).code, option]));
  const seen = new Set<number>();
  for (const { name, value } of changes) {
    const { code } = known(name);
    if (seen.has(code)) throw bad(`option ${name} is there twice`);
    seen.add(code);
    if (value === null) options.delete(code);
    else options.set(code, { name, value: checkValue(name, value) });
  }
  return options.size === 0 ? undefined : [...options.values()];
}

/** What a plan holds, in an order that does not depend on how they came. */
export function plannedDhcpOptions(options: readonly DhcpOption[]): readonly PlannedDhcpOption[] {
  return options
    .flatMap(({ name: given, value }) => {
      const { name } = known(given);
      return name === 'classless-static-route'
        ? [
            { name, value },
            { name: OLD_CLASSLESS_ROUTES, value },
          ]
        : [{ name, value }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export const parseDhcpOption: Parse<DhcpOption> = (value, what) => {
  const f = new Fields(value, what);
  return { name: f.required('name', parseString), value: f.required('value', parseString) };
};

function checkValue(name: string, value: string): string {
  const option = known(name);
  if (value === '' && MAY_BE_EMPTY.has(option.name)) return value;
  if (value === '') throw bad(`option ${name} needs a value`);
  if (value.length > MAX_VALUE_LENGTH) throw bad(`the value of option ${name} has more than ${MAX_VALUE_LENGTH} characters`);
  try {
    return option.parse(value, `option ${name}`);
  } catch (error) {
    if (error instanceof InvalidValue) throw bad(error.message, error);
    throw error;
  }
}

function known(name: string): NonNullable<ReturnType<typeof knownDhcpOption>> {
  const option = knownDhcpOption(name);
  if (option !== undefined) return option;
  throw bad(`there is no option '${name.slice(0, 40)}'; there are ${KNOWN_DHCP_OPTIONS.map((each) => each.name).join(', ')}`);
}

function bad(why: string, cause?: Error): WeftError {
  return new WeftError('extra_dhcp_opt_bad_data', `Invalid data format for extra-dhcp-opt: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    remedy: 'Give the option by a name that is known, with a value of its kind: addresses separated by commas, a number, or plain text.',
  });
}
