/**
 * What a validation library offers to be used by others, as zod, valibot, arktype and more do.
 * https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Never there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema said against a value. The message leaves out the issues, which may quote what was stored. */
export class SchemaMismatch extends Error {
  readonly issues: readonly SchemaIssue[];

  constructor(issues: readonly SchemaIssue[]) {
    super(`the schema has ${issues.length} ${issues.length === 1 ? "issue" : "issues"} with the value`);
    this.issues = issues;
  }

  override get name(): string {
    return "SchemaMismatch";
  }
}

/** What the schema makes of the value. Throws SchemaMismatch. */
export async function applySchema<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Promise<Output> {
  const result = await schema["~standard"].validate(value);
  if (result.issues !== undefined) throw new SchemaMismatch(result.issues);
  return result.value;
}
