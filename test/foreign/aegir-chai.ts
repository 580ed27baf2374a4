import { expect, use } from "chai";
import chaiAsPromised from "chai-as-promised";
import parentheses from "chai-parentheses";

// What the suite of interface-datastore needs of `aegir/chai`, without the thousand packages of aegir.
use(chaiAsPromised);
use(parentheses);

export { expect };
