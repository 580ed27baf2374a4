declare module "abstract-level/test" {
  import type { AbstractLevel } from "abstract-level";
  import type tape from "tape";

  interface SuiteOptions {
    readonly test: typeof tape;
    readonly factory: (options?: object) => AbstractLevel<Buffer, string, string>;
  }

  export default function suite(options: SuiteOptions): void;
}

declare module "chai-as-promised" {
  const plugin: Chai.ChaiPlugin;
  export default plugin;
}
