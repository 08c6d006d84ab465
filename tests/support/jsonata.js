// Reads {"expression", "variables"} from each line, and writes {"value"}, {"undefined"} or {"error"}.
const jsonata = require("jsonata");
const lines = require("readline").createInterface({ input: process.stdin });

async function evaluate({ expression, variables }) {
  try {
    const compiled = jsonata(expression);
    // What Step Functions changes in JSONata: $parse stands for $eval.
    compiled.registerFunction("parse", (text) => JSON.parse(text), "<s:x>");
    compiled.registerFunction("eval", () => { throw new Error("Step Functions has no $eval"); });
    const value = await compiled.evaluate(undefined, variables);
    return value === undefined ? { undefined: true } : { value };
  } catch (error) {
    return { error: `${error.code ?? error.name}: ${error.message}` };
  }
}

(async () => {
  for await (const line of lines) {
    process.stdout.write(`${JSON.stringify(await evaluate(JSON.parse(line)))}\n`);
  }
})();
