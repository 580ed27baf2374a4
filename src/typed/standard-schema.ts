import { describeType } from "../contract/describe-type.js";
import { valuePath } from "./value-path.js";

const MOST_SHOWN = 5;

/**
 * What a validation library offers to be used by others, as zod, valibot, arktype and more do.
 * https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the library offers: see the specification. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Never there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The value as the schema returns it, or what it has against it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that a library has against a value. */
export interface SchemaIssue {
  /** The library's own words, which may quote the value. */
  readonly message: string;
  /** Where in the value it is. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** One thing that a schema has against a value. What it says of it may quote the value, and is left out. */
export interface SchemaFault {
  /** Where in the value it is: `value.items[2].price`. */
  readonly path: string;
  /** What is there, by its type: `a string`, `undefined`. */
  readonly found: string;
}

/** What a schema has against a value, shown without a word of the value itself. */
export class SchemaMismatch extends Error {
  /** What is wrong, without a word of the value. */
  readonly issues: readonly SchemaFault[];

  constructor(issues: readonly SchemaIssue[], value: unknown) {
    const faults = issues.map((issue) => faultOf(issue, value));
    const shown = faults.slice(0, MOST_SHOWN).map(({ path, found }) => `${path} is ${found}`);
    super(
      `the schema has ${faults.length} ${faults.length === 1 ? "issue" : "issues"} with the value: ${shown.join(", ")}`,
    );
    this.issues = faults;
  }

  /** Always `SchemaMismatch`. */
  override get name(): string {
    return "SchemaMismatch";
  }
}

function faultOf({ path = [] }: SchemaIssue, value: unknown): SchemaFault {
  const members = path.map((member) => (typeof member === "object" ? member.key : member));
  let found = value;
  for (const member of members) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[member];
  return { path: valuePath("value", members), found: describeType(found) };
}

/** What the schema makes of the value. Throws SchemaMismatch. */
export async function applySchema<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Promise<Output> {
  const result = await schema["~standard"].validate(value);
  if (result.issues !== undefined) throw new SchemaMismatch(result.issues, value);
  return result.value;
}
