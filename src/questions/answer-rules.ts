import { invalid, StateError } from "../contract/errors.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { applySchema, SchemaMismatch, type StandardSchema } from "../typed/standard-schema.js";
import { readObject } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import type { StoredQuestion } from "./input.js";

/** Schemas by name. The name is stored with a question; the schema belongs to each process that asks or answers. */
export type AnswerSchemas = Readonly<Record<string, StandardSchema>>;

/** What answers have to fit: the choices of a question, or a schema. */
export class AnswerRules {
  readonly #schemas: ReadonlyMap<string, StandardSchema>;

  constructor(options: { readonly schemas?: AnswerSchemas }) {
    const schemas = "schemas" in options ? Object.entries(readObject(options.schemas, "schemas")) : [];
    for (const [name, schema] of schemas) {
      readKind(name, "schemas");
      if (typeof schema?.["~standard"]?.validate !== "function")
        throw invalid("schemas", "Standard Schemas by name");
    }
    this.#schemas = new Map(schemas);
  }

  /** INVALID_RECORD for a question that nobody could answer. */
  checkQuestion({ schema }: StoredQuestion): void {
    if (schema !== undefined && !this.#schemas.has(schema))
      throw invalid("schema", "the name of one of the schemas of these questions");
  }

  /** The answer as it is to be stored. INVALID_RECORD for one that does not fit the question. */
  async fit(
    { choices, schema: name }: StoredQuestion,
    value: JsonValue,
    inputs: InputReader,
  ): Promise<JsonValue> {
    if (choices !== undefined && !choices.includes(value as string))
      throw invalid("value", "one of the question's choices");
    if (name === undefined) return value;
    const schema = this.#schemas.get(name);
    if (schema === undefined) throw invalid("schemas", "given with the schema that the question names");
    // The schema gets a copy: it may change it, and the answer may have to be judged again.
    return inputs.schemaJson(await accepted(schema, structuredClone(value)), "value");
  }
}

async function accepted(schema: StandardSchema, value: JsonValue): Promise<unknown> {
  try {
    return await applySchema(schema, value);
  } catch (error) {
    if (!(error instanceof SchemaMismatch)) throw error;
    const rule = "what the question's schema accepts";
    throw new StateError("INVALID_RECORD", `value must be ${rule}`, {
      details: { field: "value", rule },
      cause: error,
    });
  }
}
