// A stand-in of a model behind OpenAI's API: it asks for a tool first, and answers, streaming, once it
// has the tool's result.

import { createServer } from "node:http";

const base = (id, object) => ({ id, object, created: 1_700_000_000, model: "stand-in-1-2026" });

const wish = {
  ...base("chatcmpl-1", "chat.completion"),
  choices: [
    {
      index: 0,
      finish_reason: "tool_calls",
      message: { role: "assistant", content: null, tool_calls: [{ id: "call-1", type: "function", function: { name: "weather", arguments: "{}" } }] },
    },
  ],
  usage: { prompt_tokens: 21, completion_tokens: 7, total_tokens: 28 },
};

const chunk = (choices, usage = null) => ({ ...base("chatcmpl-2", "chat.completion.chunk"), choices, usage });
const word = (content, finish_reason = null) => chunk([{ index: 0, delta: { content }, finish_reason }]);
const answer = [word("Yes, "), word("take one."), word("", "stop"), chunk([], { prompt_tokens: 40, completion_tokens: 4, total_tokens: 44 })];

/** Listens on a free port; resolves to {url, close}. */
export async function startModel() {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    const { messages, stream } = JSON.parse(text);
    if (!messages.some(({ role }) => role === "tool")) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(wish));
      return;
    }
    if (!stream) throw new Error("the second question streams");
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const one of answer) response.write(`data: ${JSON.stringify(one)}\n\n`);
    response.end("data: [DONE]\n\n");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((done) => server.close(done)) };
}
