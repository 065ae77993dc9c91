// Sources of lambdas that several tests call.

export const echo = 'def f(event):\n  return event\n';

/** All of the body comes back, as it comes in. */
export const streamed = `STREAM_BODY = True
def f(event, context):
  def chunks():
    while chunk := context.stream.read(65536):
      yield chunk
  return context.response(chunks(), headers={"content-type": "application/octet-stream"})
`;

/** Tells which instance answers: a name that it has given itself when it was loaded, and how often it was called. */
export const who = `import os
name = os.urandom(8).hex()
calls = 0
def f(event):
  global calls
  calls += 1
  return {"name": name, "calls": calls}
`;

/** Says \`begun\` in its log, then never ends. */
export const stuck = `import time
def f(event):
  print("begun", flush=True)
  while True:
    time.sleep(3600)
`;

/** Sleeps event["s"] seconds, after saying \`begun\`. */
export const slow = `import os, time
name = os.urandom(8).hex()
def f(event):
  print("begun", flush=True)
  time.sleep(event.get("s", 1))
  return {"name": name, "slept": event.get("s", 1)}
`;
