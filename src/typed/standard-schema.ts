import { describeType } from "../contract/describe-type.js";
import { valuePath } from "./value-path.js";

const MAX_SHOWN_FAULTS = 5;

/**
 * The common interface of validation libraries such as zod, valibot and arktype.
 * https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The library's implementation: see the specification. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Carries types only; absent at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The value as the schema returns it, or the issues that it found. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** An issue that a validation library found in a value. */
export interface SchemaIssue {
  /** The library's message. It may quote the value. */
  readonly message: string;
  /** Where in the value it is. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** An issue of a schema with a value, without the library's message, which may quote the value. */
export interface SchemaFault {
  /** Where in the value it is: `value.items[2].price`. */
  readonly path: string;
  /** The type of the value at the path: `a string`, `undefined`. */
  readonly found: string;
}

/** A schema refused a value. Neither the message nor the issues quote the value. */
export class SchemaMismatch extends Error {
  /** Where the value is wrong, and the type found there. */
  readonly issues: readonly SchemaFault[];

  constructor(issues: readonly SchemaIssue[], value: unknown) {
    const faults = issues.map((issue) => faultOf(issue, value));
    const shown = faults.slice(0, MAX_SHOWN_FAULTS).map(({ path, found }) => `${path} is ${found}`);
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

/** Validates the value and returns the schema's output. Throws SchemaMismatch. */
export async function applySchema<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Promise<Output> {
  const result = await schema["~standard"].validate(value);
  if (result.issues !== undefined) throw new SchemaMismatch(result.issues, value);
  return result.value;
}
