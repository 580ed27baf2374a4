import { publicEntries } from "./tools/public-entries.mjs";

/** The API reference, of everything that the package exports. A public name without a doc comment is an error. */
export default {
  name: "Groundstate",
  entryPoints: publicEntries.map(({ source }) => source),
  tsconfig: "tsconfig.docs.json",
  plugin: ["./tools/typedoc-plugin.mjs"],
  out: "docs/api",
  readme: "none",
  disableSources: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  excludeExternals: true,
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: [
    "Variable",
    "Function",
    "Class",
    "Interface",
    "Property",
    "Method",
    "Accessor",
    "TypeAlias",
  ],
};
