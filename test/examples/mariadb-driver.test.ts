import { join } from "node:path";
import { MariaDriver } from "../../examples/mariadb-driver/driver.js";
import harness from "../../examples/mariadb-driver/harness.js";
import { ROOT } from "../package/installed.js";
import { testServerDriver } from "./server-driver.js";
import { startMariaDb } from "./servers.js";

testServerDriver({
  harness,
  modulePath: join(ROOT, "dist/examples/mariadb-driver/harness.js"),
  variable: "MARIADB_URL",
  start: startMariaDb,
  urlOf: (port) => `mysql://root@127.0.0.1:${port}`,
  open: (url, space) => MariaDriver.open(url, space),
});
