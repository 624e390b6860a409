// What the conformance suite starts as "the client": tells the test (the port is its first argument) which server waits,
// and ends when the test has done with it what the scenario asks for.
const [port, url] = process.argv.slice(2);
const answer = await fetch(`http://127.0.0.1:${port}/`, {
  method: 'POST',
  body: JSON.stringify({ url, context: JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}') }),
});
const problem = await answer.text();
if (problem) console.error(problem);
process.exit(problem ? 1 : 0);
