// An assistant that asks a model, calls the tool that the model wants, and asks again, streaming. Its
// two model calls are told by the instrumentation alone; the program itself says whose session it is.

const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");
const { observe } = require("./telemetry.cjs");

const shutdown = observe("assistant", [new OpenAIInstrumentation({ captureMessageContent: true })]);
const { SpanKind, trace } = require("@opentelemetry/api");
const { OpenAI } = require("openai");

const client = new OpenAI({ apiKey: "none", baseURL: `${process.env.MODEL_URL}/v1`, maxRetries: 0 });
const tracer = trace.getTracer("assistant");
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];

const inSpan = (name, attributes, body) =>
  tracer.startActiveSpan(name, { kind: SpanKind.INTERNAL, attributes }, async (span) => {
    const outcome = await body();
    span.end();
    return outcome;
  });

async function converse() {
  const messages = [{ role: "user", content: "Do I need an umbrella in Bergen?" }];
  const first = await client.chat.completions.create({ model: "stand-in-1", messages, tools, temperature: 0.5 });
  const call = first.choices[0].message.tool_calls[0];
  const attributes = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": call.function.name };
  const weather = await inSpan(`execute_tool ${call.function.name}`, attributes, async () => "rain");
  messages.push(first.choices[0].message, { role: "tool", tool_call_id: call.id, content: weather });
  const options = { stream: true, stream_options: { include_usage: true } };
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model: "stand-in-1", messages, ...options }))
    text += chunk.choices[0]?.delta?.content ?? "";
  return text;
}

const session = { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weatherman", "gen_ai.conversation.id": process.env.SESSION };

inSpan("invoke_agent weatherman", session, converse)
  .then((text) => console.log(text))
  .then(shutdown)
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
